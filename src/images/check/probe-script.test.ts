/** The shell script of a probe, in the shells of this machine. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { WORKER_PROTOCOL } from "../../domain/worker-protocol.ts";
import { parseProbe } from "./parse-probe.ts";
import { ProbeFrames } from "./probe-frames.ts";
import { nodeProbe, pythonProbe, shellProbe } from "./probe-script.ts";

const NONCE = "f00dfeed";
const SHELLS = ["/bin/sh", "/bin/bash", "/bin/dash", "/bin/busybox"];

function read(output: Buffer) {
  const frames = new ProbeFrames(NONCE);
  frames.push(output);
  frames.end();
  return parseProbe(frames.frames);
}

const script = (lines: string) => `#!/bin/sh\n${lines}\n`;
/** Writes the lines of a Python without being one; its arguments are -c, the program, the nonce and its path. */
const PYTHON = script(
  `echo "$3 python-path $4"; echo "$3 python version=3.12.1"; echo "$3 packages flyte=2.12.1"`,
);

suite("the shell script", () => {
  for (const shell of SHELLS) {
    const missing = spawnSync(shell, ["--help"]).error !== undefined && `${shell} is not on this machine`;
    test(`in ${shell}`, { skip: missing }, async (t) => {
      const root = await mkdtemp(join(tmpdir(), "boxkite probe-"));
      t.after(() => rm(root, { recursive: true }));
      const files = {
        "bin/a0": script("exit 1").replace("#!/bin/sh", `#!${root}/venv/bin/python`),
        "bin/hangs-not": script("exit 0"),
        "venv/bin/python": PYTHON,
        "work/.venv/bin/python3.12": PYTHON,
        "work/json.py": "raise SystemExit",
      };
      for (const [name, text] of Object.entries(files)) {
        await mkdir(join(root, name, ".."), { recursive: true });
        await writeFile(join(root, name), text, { mode: 0o755 });
      }
      const args = shell.endsWith("busybox") ? ["sh", ...shellProbe(NONCE)] : shellProbe(NONCE);
      const { stdout, stderr } = spawnSync(shell, args, {
        cwd: join(root, "work"),
        env: { PATH: `${root}/none:${root}/bin:${root}/venv/bin`, HOME: `${root}/nowhere` },
      });
      const facts = read(stdout);
      assert.equal(stderr.toString(), "");
      assert.equal(facts.complete, true, stdout.toString());
      assert.equal(facts.user?.uid, process.getuid?.());
      assert.deepEqual(facts.workdir, { path: `${root}/work`, writable: true });
      assert.deepEqual(facts.home, { path: `${root}/nowhere`, writable: false });
      assert.equal(facts.programs["a0"], `${root}/bin/a0`);
      assert.equal(facts.a0Interpreter, `${root}/venv/bin/python`);
      const own = facts.pythons.filter(({ path }) => path.startsWith(root));
      assert.deepEqual(
        own.map(({ path, version, packages }) => [path.slice(root.length), version, packages["flyte"]]),
        [
          ["/venv/bin/python", "3.12.1", "2.12.1"],
          ["/work/.venv/bin/python3.12", "3.12.1", "2.12.1"],
        ],
      );
    });
  }
});

const noPython = spawnSync("/usr/bin/python3", ["-V"]).error !== undefined && "this machine has no python3";

test("a Python that is started by its path says the rest", { skip: noPython }, async (t) => {
  const root = await mkdtemp(join(tmpdir(), "boxkite-probe-"));
  t.after(() => rm(root, { recursive: true }));
  await mkdir(join(root, "lib", "demo_package-1.2.dist-info"), { recursive: true });
  await writeFile(join(root, "os.py"), "raise SystemExit");
  await writeFile(join(root, "re.py"), "raise SystemExit");
  const { stdout } = spawnSync("/usr/bin/python3", pythonProbe(NONCE, "/usr/bin/python3"), {
    cwd: root,
    env: { PATH: "/usr/bin", HOME: "/proc", PYTHONPATH: join(root, "lib") },
  });
  const facts = read(stdout);
  assert.equal(facts.complete, true, stdout.toString());
  assert.deepEqual(facts.workdir, { path: root, writable: true });
  assert.deepEqual(facts.home, { path: "/proc", writable: false });
  const [python] = facts.pythons;
  assert.equal(python?.path, "/usr/bin/python3");
  assert.match(python?.version ?? "", /^3\.\d+\.\d+$/u);
  assert.equal(python?.packages["demo-package"], "1.2");
});

test("a Node says which boxkite a0-ts belongs to, and whether that knows workers", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "boxkite-probe-"));
  t.after(() => rm(root, { recursive: true }));
  const ask = async (manifest: object) => {
    await writeFile(join(root, "package.json"), JSON.stringify(manifest));
    await mkdir(join(root, "bin"), { recursive: true });
    await writeFile(join(root, "bin/a0-ts"), "");
    const args = nodeProbe(NONCE, join(root, "bin/a0-ts"));
    return read(spawnSync(process.execPath, args).stdout).node;
  };
  const path = process.execPath;
  const version = process.versions.node;
  assert.deepEqual(await ask({ name: "other", version: "1.0.0" }), { path, version });
  const older = { name: "boxkite", version: "0.1.0" };
  assert.deepEqual(await ask(older), { path, version, boxkite: "0.1.0" });
  const own = { ...older, boxkite: { workers: WORKER_PROTOCOL } };
  assert.deepEqual(await ask(own), { path, version, boxkite: "0.1.0", workers: WORKER_PROTOCOL });
});

test("this package says that it knows workers", async () => {
  const manifest = JSON.parse(
    await readFile(join(import.meta.dirname, "../../../package.json"), "utf8"),
  ) as object;
  assert.deepEqual("boxkite" in manifest && manifest.boxkite, { workers: WORKER_PROTOCOL });
});
