/** The images of programs, by the stock SDK and by our own: nothing is started, whatever the program does. */
import assert from "node:assert/strict";
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import {
  findPython,
  imagesOfProgram,
  isMissingProgram,
  isProgram,
} from "../../src/cli/images/program/program-images.ts";
import { ROOT } from "../helpers/documents.ts";
import { temporaryDirectory } from "../helpers/server.ts";
import { stockPython, writeProgram } from "../helpers/stock-sdk.ts";

const PYTHON_ENVIRONMENTS = `
import flyte
training = flyte.TaskEnvironment(name="training", image=flyte.Image.from_ref_name("training"))
report = flyte.TaskEnvironment(name="report", image="registry.test/report:2")
built = flyte.TaskEnvironment(name="built", image=flyte.Image.from_base("registry.test/base:1").clone(name="n", registry="r.test", extendable=True).with_pip_packages("six"))
prep = flyte.TaskEnvironment(name="prep", image="registry.test/prep:1", depends_on=[training, report, built])
plain = flyte.TaskEnvironment(name="plain")
@prep.task
async def prepare(raw: str) -> str:
    return raw
`;

const EXPECTED = [
  { environment: "built", kind: "built", reference: "registry.test/base:1" },
  { environment: "plain", kind: "given", reference: "registry.test/plain:1" },
  { environment: "prep", kind: "given", reference: "registry.test/prep:1" },
  { environment: "report", kind: "given", reference: "registry.test/report:2" },
  { environment: "training", kind: "given", reference: "registry.test/training:3" },
];

const IMAGES = `("training=registry.test/training:3", "registry.test/plain:1")`;

const PROGRAMS = {
  "a run": `
flyte.init_from_config(project="p", domain="d", images=${IMAGES})
print("loud")
run = flyte.with_runcontext(copy_style="none", version="1").run(prepare, raw="x")
raise SystemExit("a run was started")`,
  "a run in an event loop": `
import asyncio
async def main():
    await flyte.init_from_config.aio(images=${IMAGES})
    await flyte.run.aio(prepare, raw="x")
    raise SystemExit("a run was started")
asyncio.run(main())`,
  "a deployment": `
flyte.init(endpoint="dns:///localhost:1", images=${IMAGES})
flyte.deploy(prep)
raise SystemExit("it was deployed")`,
  "no start at all": `flyte.init_from_config(images=${IMAGES})`,
};

suite("Python programs", () => {
  const python = stockPython();
  for (const [what, main] of Object.entries(PROGRAMS)) {
    test(what, async (t) => {
      const directory = await temporaryDirectory(t);
      await writeProgram(directory, {
        "team/envs.py": PYTHON_ENVIRONMENTS,
        "main.py": `import flyte\nfrom team.envs import prepare, prep\nif __name__ == "__main__":\n${main.trim().replaceAll(/^/gmu, "    ")}\n`,
      });
      const images = await imagesOfProgram(join(directory, "main.py"), { env: process.env, python });
      assert.deepEqual(images, EXPECTED);
    });
  }

  test("a name that nothing explains is said, and so is why a program fails", async (t) => {
    const directory = await temporaryDirectory(t);
    await writeProgram(directory, { "main.py": PYTHON_ENVIRONMENTS, "bad.py": "import absent_module\n" });
    const options = { env: process.env, python };
    const images = await imagesOfProgram(join(directory, "main.py"), options);
    assert.deepEqual(images.find(({ environment }) => environment === "training")?.kind, "unnamed");
    await assert.rejects(imagesOfProgram(join(directory, "bad.py"), options), {
      code: "CONFIG_INVALID",
      message: /bad\.py could not be executed by .*No module named 'absent_module'$/su,
    });
    await assert.rejects(
      imagesOfProgram(join(directory, "main.py"), { ...options, python: "/nowhere/python" }),
      {
        code: "CONFIG_INVALID",
        hint: /--python/u,
      },
    );
  });

  test("the interpreter is the named one, the active one, or that of flyte on PATH", async (t) => {
    const directory = await temporaryDirectory(t);
    await writeProgram(directory, { "bin/flyte": "", "bin/python": "" });
    assert.equal(findPython("/x/python", {}), "/x/python");
    assert.equal(findPython(directory, {}), join(directory, "bin/python"));
    assert.equal(findPython(undefined, { VIRTUAL_ENV: "/venv" }), "/venv/bin/python");
    assert.equal(findPython(undefined, { PATH: `/none:${directory}/bin` }), join(directory, "bin/python"));
    assert.equal(findPython(undefined, {}), "python3");
    assert.equal(isProgram("registry.test/app.py"), false, "there is no such file");
    for (const [name, isMissing] of [
      ["absent.py", true],
      ["./src/absent.ts", true],
      ["/absent.mjs", true],
      ["registry.test/app.py", false],
      ["team/app:1", false],
      [join(directory, "bin/python"), false],
    ] as const)
      assert.equal(isMissingProgram(name), isMissing, name);
  });
});

const TYPESCRIPT_ENVIRONMENTS = `
import * as flyte from "boxkite";
export const training = new flyte.TaskEnvironment({ name: "training", image: flyte.Image.fromRefName("training") });
export const built = new flyte.TaskEnvironment({ name: "built", image: flyte.Image.fromBase("registry.test/base:1").clone({ name: "n", registry: "r.test", extendable: true }).withEnvVars({ A: "b" }) });
export const prep = new flyte.TaskEnvironment({ name: "prep", image: "registry.test/prep:1", dependsOn: [training, built] });
export const prepare = prep.task({ name: "prepare" }, async () => {});
`;

test("TypeScript programs", async (t) => {
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, "node_modules"));
  await symlink(ROOT, join(directory, "node_modules", "boxkite"));
  const init = `await flyte.initFromConfig({ endpoint: "http://127.0.0.1:1", images: { training: "registry.test/training:3" } });`;
  await writeProgram(directory, {
    "package.json": '{ "type": "module" }',
    "tasks.ts": TYPESCRIPT_ENVIRONMENTS.replace('"boxkite"', JSON.stringify(join(ROOT, "src/sdk/index.ts"))),
  });
  const programs = {
    run: `${init}\nconsole.log("loud");\nawait flyte.run(prepare);\nthrow new Error("a run was started");`,
    deploy: `${init}\nawait flyte.deploy(prep);\nthrow new Error("it was deployed");`,
    neither: init,
  };
  for (const [name, main] of Object.entries(programs)) {
    await writeProgram(directory, {
      [`${name}.ts`]: `import * as flyte from ${JSON.stringify(join(ROOT, "src/sdk/index.ts"))};\nimport { prep, prepare } from "./tasks.ts";\nvoid prep;\nvoid prepare;\n${main}\n`,
    });
    const file = join(directory, `${name}.ts`);
    const images = await imagesOfProgram(file, { env: process.env, python: undefined });
    const expected = EXPECTED.filter(({ environment }) => !["plain", "report"].includes(environment));
    assert.deepEqual(images, expected, name);
  }
});
