/** The tarball in an empty project, installed as a user installs it, with the programs of the documentation. */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, suite, test } from "node:test";
import { packedTarball } from "./helpers/package.ts";

const root = join(import.meta.dirname, "../..");

/** Not among this project's dependencies: they are large, and belong to the user's side. */
const VITEST = "vitest@5.1.1";
const JUDGES = ["publint@0.3.25", "@arethetypeswrong/cli@0.18.5"];

const TASKS = `
import * as flyte from "boxkite";
import { z } from "zod";
const training = new flyte.TaskEnvironment({ name: "training", image: flyte.Image.fromRefName("training") });
const dataPrep = new flyte.TaskEnvironment({ name: "data-prep", dependsOn: [training] });
const deployed = flyte.remoteTask("training.train", { inputs: { processed: z.string() }, output: z.number() });

export const train = training.task(
  { name: "train", inputs: { processed: z.string() }, output: z.number() },
  async ({ processed }) => processed.length,
);
export const prepare = dataPrep.task(
  { name: "prepare", inputs: { raw: z.string() }, output: z.number() },
  async ({ raw }) => train({ processed: raw.trim() }),
);
export const approved = dataPrep.task(
  { name: "approved", inputs: { raw: z.string() }, output: z.number() },
  async ({ raw }) => {
    const approval = await flyte.condition("approve");
    return (await approval.wait()) ? deployed({ processed: raw }) : 0;
  },
);
`;

/** The blocks of TypeScript of a page of the documentation. */
function blocksOf(page: string): string[] {
  const text = readFileSync(join(root, "docs/typescript", page), "utf8");
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) => code);
}

suite("installed into an empty project", () => {
  let folder = "";
  let env: NodeJS.ProcessEnv = {};

  const run = (program: string, ...args: string[]): string => {
    const result = spawnSync(join(folder, "node_modules/.bin", program), args, {
      cwd: folder,
      env,
      encoding: "utf8",
    });
    assert.equal(result.status, 0, `${result.stdout}\n${result.stderr}`);
    return result.stdout;
  };

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "boxkite-empty-"));
    const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      devDependencies: Record<string, string>;
    };
    const pinned = ["zod", "typescript", "@types/node"].map((name) => `${name}@${devDependencies[name]}`);
    writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
    cpSync(packedTarball(), join(folder, basename(packedTarball())));
    const packages = [`./${basename(packedTarball())}`, ...pinned, VITEST, ...JUDGES];
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", ...packages], {
      cwd: folder,
      stdio: "pipe",
    });
    // Without a configuration file anywhere, runs are local.
    env = { PATH: `${join(process.execPath, "..")}:${process.env["PATH"]}`, HOME: folder };
    writeFileSync(join(folder, "tasks.ts"), TASKS);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("the quick start runs, and its types check with the compiler settings that it names", () => {
    const [hello = ""] = blocksOf("quick-start.md");
    writeFileSync(join(folder, "hello.ts"), hello);
    const output = execFileSync(process.execPath, ["hello.ts"], { cwd: folder, env, encoding: "utf8" });
    assert.match(output, /\[ 'Hello, Ada!', 'Hello, Grace!' \]/);
    const page = readFileSync(join(root, "docs/typescript/quick-start.md"), "utf8");
    const init = /^npx tsc (--init .*)$/m.exec(page)?.[1] ?? assert.fail("the page makes no tsconfig.json");
    run("tsc", ...init.split(" "));
    run("tsc");
    run("tsc", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess");
  });

  test("a module that exports every documented shape compiles with its declarations", () => {
    const shapes = readFileSync(join(import.meta.dirname, "fixtures/exported-shapes.ts"), "utf8");
    writeFileSync(join(folder, "shapes.ts"), shapes.replace("../../../src/sdk/index.ts", "boxkite"));
    run("tsc", "--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--outDir", "declared");
    const declared = readFileSync(join(folder, "declared/shapes.d.ts"), "utf8");
    // What a reader of the declaration sees: names of the package, or the members themselves.
    assert.match(
      declared,
      /named: flyte\.Task<\{\s*rows: number\[\];\s*\}, \{\s*loss: number;\s*at: Date;\s*\}>/,
    );
    assert.doesNotMatch(declared, /import\("/);
  });

  test("the testing guide's programs pass, with node:test and with vitest", () => {
    const [inProcess = "", nodeTest = "", vitest = ""] = blocksOf("testing.md");
    writeFileSync(
      join(folder, "in-process.ts"),
      `import { approved } from "./tasks.ts";\n${inProcess}
      console.log(outputs, actions.length);`,
    );
    const output = execFileSync(process.execPath, ["in-process.ts"], { cwd: folder, env, encoding: "utf8" });
    assert.equal(output, "5 2\n");
    writeFileSync(join(folder, "tasks.test.ts"), nodeTest);
    // Not with NODE_TEST_CONTEXT of this process: the inner runner would report to the outer one.
    const tested = execFileSync(process.execPath, ["--test", "tasks.test.ts"], {
      cwd: folder,
      env,
      encoding: "utf8",
    });
    assert.match(tested, /pass 1/);
    writeFileSync(join(folder, "tasks.spec.ts"), vitest);
    assert.match(run("vitest", "run", "tasks.spec.ts"), /1 passed/);
  });

  test("publint and attw find nothing, and the package is small", () => {
    const tarball = packedTarball();
    assert.match(run("publint", "run", "--strict", tarball), /All good/);
    // There is no CommonJS side: Node 24 loads ES modules by require() as well.
    run("attw", "--profile", "esm-only", tarball);
    assert.ok(statSync(tarball).size < 2 << 20, `the tarball has ${statSync(tarball).size} bytes`);
  });

  test("the library loads as many modules as the page about its start says", () => {
    const program = `
      import { registerHooks } from "node:module";
      const loaded = new Set();
      registerHooks({ load: (url, context, next) => (url.startsWith("file:") && loaded.add(url), next(url, context)) });
      await import("boxkite");
      console.log(loaded.size);`;
    writeFileSync(join(folder, "count.js"), program);
    const count = execFileSync(process.execPath, ["count.js"], { cwd: folder, env, encoding: "utf8" }).trim();
    const page = readFileSync(join(root, "docs/typescript/runtime.md"), "utf8");
    assert.equal(/`import "boxkite"` loads (\d+) modules/u.exec(page)?.[1], count);
  });

  test("its programs start", () => {
    const runtime = spawnSync(join(folder, "node_modules/.bin/a0-ts"), [], { env, encoding: "utf8" });
    assert.deepEqual([runtime.status, runtime.stderr.split(":")[0]], [2, "a0-ts"]);
    assert.match(run("boxkite", "--help"), /^  up  /m);
  });

  test("the command finds its own files: the program that reads the images of a program", () => {
    const { stdout, stderr } = spawnSync(
      join(folder, "node_modules/.bin/boxkite"),
      ["images", "check", "tasks.ts", "--json"],
      { cwd: folder, env, encoding: "utf8" },
    );
    // Nothing says which image "training" is, and data-prep has one that is built: no engine is needed.
    const environments = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    assert.equal(environments.length, 2, stderr);
  });

  test("SIGTERM to npx ends the server", async () => {
    const parameters = ["boxkite", "up", "--engine", "process", "--ephemeral", "--port", "0", "--json"];
    const npx = spawn("npx", parameters, { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] });
    const { url } = JSON.parse((await once(npx.stdout, "data"))[0]) as { url: string };
    npx.kill("SIGTERM");
    // It closes when the last process that holds it has ended: the server.
    await once(npx.stdout.resume(), "close");
    await assert.rejects(fetch(url), TypeError);
  });
});
