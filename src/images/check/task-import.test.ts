/** The import of a task's module, by this machine's own interpreters. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { imageFacts, PYTHON } from "../../../test/helpers/image-facts.ts";
import { ProbeFrames } from "./probe-frames.ts";
import { subjectOf } from "./subject.ts";
import { importCommand, importFinding, parseImport, parseTaskName, type TaskName } from "./task-import.ts";

const NONCE = "f00dfeed";

const FILES = {
  "good.py": "print('loud')\nasync def train(): pass\n",
  "needs_numpy.py": "import boxkite_absent_numpy\n",
  "needs_secret.py": "import os\nos.environ['ABSENT_KEY']\n",
  "exits.py": "import sys\nsys.exit(3)\n",
  "good.mjs": "console.log('loud');\nexport const train = 1;\n",
  "compiled.js": "exports.train = 1;\n",
  "throws.mjs": "throw new Error('no\\n key');\n",
};

const python = spawnSync("/usr/bin/python3", ["-V"]).error === undefined;
const subject = subjectOf(
  "team/app:1",
  imageFacts({
    pythons: [{ ...PYTHON, path: "/usr/bin/python3" }],
    a0Interpreter: "/usr/bin/python3",
    node: { path: process.execPath, version: process.versions.node },
  }),
  {},
);

suite("the import of a task's module", () => {
  const rows: readonly [
    task: string,
    kind: string,
    error?: RegExp | undefined,
    code?: string,
    mend?: RegExp,
  ][] = [
    ["good:train", "imported"],
    ["good:trainn", "no_task", undefined, "TASK_MISSING"],
    ["tasks.absent:train", "no_module", undefined, "TASK_MODULE_MISSING", /^COPY tasks \/app\/tasks$/mu],
    [
      "needs_numpy:train",
      "failed",
      /^ModuleNotFoundError: No module named 'boxkite_absent_numpy'$/u,
      "TASK_IMPORT_FAILED",
      /^RUN \/usr\/bin\/python3 -m pip install boxkite_absent_numpy$/mu,
    ],
    ["needs_secret:train", "failed", /^KeyError: 'ABSENT_KEY'$/u, "TASK_IMPORT_FAILED", /podman run/u],
    ["exits:train", "failed", /^SystemExit: 3$/u, "TASK_IMPORT_FAILED"],
    ["good.mjs:train", "imported"],
    ["good.mjs:other", "no_task", undefined, "TASK_MISSING"],
    ["compiled.ts:train", "imported"],
    [
      "absent.ts:train",
      "no_module",
      undefined,
      "TASK_MODULE_MISSING",
      /^COPY absent\.ts \/app\/absent\.ts$/mu,
    ],
    ["throws.mjs:train", "failed", /^Error: no key$/u, "TASK_IMPORT_FAILED"],
  ];
  for (const [text, kind, error = /^$/u, code, mend = /./u] of rows) {
    const task = parseTaskName(text) as TaskName;
    test(
      text,
      { skip: task.language === "python" && !python && "this machine has no python3" },
      async (t) => {
        const directory = await mkdtemp(join(tmpdir(), "boxkite-import-"));
        t.after(() => rm(directory, { recursive: true }));
        for (const [name, content] of Object.entries(FILES)) await writeFile(join(directory, name), content);
        const [program = "", ...args] = importCommand(subject, task)?.(NONCE) ?? [];
        const { stdout } = spawnSync(program, args, { cwd: directory, env: { PATH: "/usr/bin:/bin" } });
        const frames = new ProbeFrames(NONCE);
        frames.push(stdout);
        frames.end();
        const result = parseImport(frames.frames);
        assert.equal(result.kind, kind, stdout.toString());
        assert.match(result.kind === "failed" ? result.error : "", error);
        const finding = importFinding(subject, task, result);
        assert.equal(finding?.code, code);
        assert.notEqual(finding?.level, "blocks");
        if (finding !== undefined) assert.match(Object.values(finding.mend).join("\n"), mend);
      },
    );
  }

  test("no answer is no answer, and says so", () => {
    const task = { module: "m", name: "t", language: "python" } as const;
    assert.deepEqual(parseImport([{ key: "task", value: "rubbish" }]), { kind: "no_answer" });
    assert.equal(importFinding(subject, task, { kind: "no_answer" })?.code, "TASK_IMPORT_UNKNOWN");
    assert.equal(importCommand(subjectOf("x", imageFacts({ pythons: [] }), {}), task), undefined);
  });

  test("names of tasks", () => {
    assert.deepEqual(parseTaskName("a.b:c"), { module: "a.b", name: "c", language: "python" });
    assert.deepEqual(parseTaskName("./src/a.ts:c"), {
      module: "./src/a.ts",
      name: "c",
      language: "typescript",
    });
    for (const text of ["", "a", ":c", "a:", "a b:c", "a/b:c"])
      assert.equal(parseTaskName(text), undefined, text);
  });
});
