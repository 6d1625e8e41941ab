/** `boxkite reproduce` with the stock SDK in containers of Podman: what a task did is done again on a terminal. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { before, suite, test, type TestContext } from "node:test";
import { engineCommand, engineOutput, listContainers, missingEngine } from "../helpers/engine.ts";
import { processSubject, usePython, type Subject } from "../helpers/process-subject.ts";
import { BOXKITE } from "../helpers/server.ts";
import { runProgram, stockPython } from "../helpers/stock-sdk.ts";
import { runOnPty } from "../helpers/terminal.ts";
import { LABEL } from "../../src/executors/container/container-spec.ts";
import { STORE_FILE } from "../../src/server/store-file.ts";

const SDK_IMAGE = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1";
/** The image of the SDK, without its shells. */
const BARE_IMAGE = `localhost/boxkite-test-bare:${process.pid}`;
/** With the code in its WORKDIR. */
const CODED_IMAGE = `localhost/boxkite-test-coded:${process.pid}`;
const BUSYBOX = process.env.BOXKITE_TEST_BUSYBOX ?? "/bin/busybox";
/** From where the command takes it on machines that have none. */
const BUSYBOX_IMAGE = "docker.io/library/busybox:musl";
const withoutBusybox = existsSync(BUSYBOX) ? false : `there is no static busybox at ${BUSYBOX}`;

const FLOW = `
import os
import flyte

env = flyte.TaskEnvironment(
    name="e", image="ghcr.io/flyteorg/flyte:py3.11-v2.12.1", env_vars={"COLOUR": "green"}
)

@env.task
async def child(x: int) -> int:
    return x + 1

@flyte.trace
async def doubled(x: int) -> int:
    return x * 2

@env.task
async def parent(x: int) -> int:
    first = await child(x)
    second = await child(first)
    print("children returned", first, second, await doubled(second))
    if os.environ.get("COLOUR") == "green":
        raise ValueError("green is not allowed")
    return second

bare_env = flyte.TaskEnvironment(name="b", image="BARE")

@bare_env.task
def bare() -> str:
    return "no shell" if not os.path.exists("/bin/sh") else "a shell"

coded_env = flyte.TaskEnvironment(name="c", image="CODED")

@coded_env.task
def coded(x: int) -> int:
    return x + 1

@env.task
def divide(x: int, label: str = "") -> tuple[float, str]:
    return 12 / x, label + os.environ["COLOUR"]
`
  .replace("BARE", BARE_IMAGE)
  .replace("CODED", CODED_IMAGE);

const skip = missingEngine("podman");

suite("boxkite reproduce", { skip: skip ?? false }, () => {
  before(() => usePython(stockPython()));

  test("on one server", async (suiteOf) => {
    const subject = await processSubject(suiteOf, FLOW, ["--engine", "podman"]);

    await suiteOf.test("a failed action is run again, and changes nothing of its run", async () => {
      const { name } = await subject.run("divide", { x: 0, label: "sky " });
      const failed = await reproduce(subject, name);
      assert.equal(failed.code, 1, failed.stderr);
      assert.match(failed.stderr, /^it failed: ZeroDivisionError: .*division by zero/mu);

      const mended = await reproduce(subject, name, "--set", "x=5");
      assert.equal(mended.code, 0, mended.stderr);
      assert.match(mended.stderr, /^it succeeded:\n {2}o0 = 2\.4\n {2}o1 = "sky green"$/mu);
      const wrong = await reproduce(subject, name, "--set", "x=five");
      assert.match(wrong.stderr, /INVALID_ARGUMENT: input x cannot be "five": .*\ntry: .*integer/u);

      const source = join(subject.directory, `reproduce-${name}-a0`);
      assert.ok(failed.stderr.includes(`the source is in ${source}, and mounted at `), failed.stderr);
      const text = await readFile(join(source, "flow.py"), "utf8");
      await writeFile(join(source, "flow.py"), text.replace("12 / x", "12 / (x or 8)"));
      const edited = await reproduce(subject, name);
      assert.match(edited.stderr, /^it succeeded:\n {2}o0 = 1\.5$/mu);
      const unedited = await reproduce(subject, name, "--no-source");
      assert.match(unedited.stderr, /^it failed: ZeroDivisionError/mu);

      assert.deepEqual(await reproductionContainers(subject), [], "no container is left");
    });

    await suiteOf.test("calls of children are answered from the record", async () => {
      const { name } = await subject.run("parent", { x: 1 });
      const again = await reproduce(subject, name);
      assert.equal(again.code, 1, again.stderr);
      assert.match(again.stdout + again.stderr, /children returned 2 3 6/u);
      assert.match(again.stderr, /^it failed: ValueError: .*green is not allowed/mu);
      // What was not called is not started.
      const other = await reproduce(subject, name, "--set", "x=7");
      assert.equal(other.code, 1, other.stderr);
      assert.match(
        other.stderr,
        /this call is not in the record: action a0 of run \S+ has not called e\.child/u,
      );
    });

    await suiteOf.test("an image without a shell gets a static one", { skip: withoutBusybox }, async () => {
      await makeImageWithoutShell(suiteOf, subject.directory);
      const { name } = await subject.run("bare", {});
      const command = [BOXKITE, "reproduce", name, "--config", subject.server.config, "--shell"];
      const { code, output } = await runOnPty(
        [process.execPath, ...command],
        [["# ", "ls -d /run/boxkite; /run/boxkite/run 2>/dev/null; exit 6"]],
        { cwd: subject.directory },
      );
      assert.equal(code, 6, output);
      assert.match(output, /^the image has no shell: this one is busybox from /mu);
      assert.match(output, /^it succeeded:\r?\n {2}o0 = "no shell"/mu);
    });

    await suiteOf.test("code in the image is a copy of its WORKDIR, for editing", async () => {
      const { directory } = subject;
      const lines = "WORKDIR /app\nCOPY flow.py .\nRUN mkdir env && ln -s /usr/bin/env env/program";
      await makeImage(suiteOf, directory, CODED_IMAGE, `FROM ${SDK_IMAGE}\n${lines}\n`);
      const { name } = await subject.run("coded", { x: 1 }, { copy_style: "none", version: "1" });
      const as = await reproduce(subject, name);
      assert.match(as.stderr, /and mounted at \/app$/mu);
      assert.match(as.stderr, /^it succeeded:\n {2}o0 = 2$/mu);
      const source = join(directory, `reproduce-${name}-a0`);
      assert.equal(existsSync(join(source, "env")), false, "what has links that lead out is the image's own");
      const text = await readFile(join(source, "flow.py"), "utf8");
      await writeFile(join(source, "flow.py"), text.replace(/(def coded.*\n.*)x \+ 1/u, "$1x + 41"));
      assert.match((await reproduce(subject, name)).stderr, /^it succeeded:\n {2}o0 = 42$/mu);
    });

    await suiteOf.test("pdb stops where the task raised", async () => {
      const { name } = await subject.run("divide", { x: 0, label: "sky" });
      const command = [
        process.execPath,
        BOXKITE,
        "reproduce",
        name,
        "--pdb",
        "--config",
        subject.server.config,
      ];
      const { code, output } = await runOnPty(
        command,
        [
          ["(Pdb) ", "p label + str(x)"],
          ["'sky0'", "q"],
        ],
        { cwd: subject.directory },
      );
      assert.equal(code, 1, output);
      assert.match(output, /^-> return 12 \/ x/mu);
      assert.match(output, /^it failed: ZeroDivisionError/mu);
    });

    await suiteOf.test("a shell where the task would run, on a terminal", async () => {
      const { name } = await subject.run("divide", { x: 0 });
      const command = [
        process.execPath,
        BOXKITE,
        "reproduce",
        name,
        "--shell",
        "--config",
        subject.server.config,
      ];
      const { code, output } = await runOnPty(
        command,
        [
          ["# ", "tty; echo it is $COLOUR"],
          ["it is green", "/run/boxkite/run 2>&1 | grep -c ZeroDivision; exit 4"],
        ],
        { cwd: subject.directory },
      );
      assert.equal(code, 4, output);
      assert.match(output, /^to run the task: \/run\/boxkite\/run/mu);
      assert.match(output, /\/dev\/pts\/\d/u);
      assert.match(output, /it failed: ZeroDivisionError/u);
    });
  });
});

function reproduce({ directory, server }: Subject, ...args: readonly string[]) {
  const command = [BOXKITE, "reproduce", "--config", server.config, ...args];
  return runProgram(process.execPath, command, { cwd: directory });
}

async function makeImage(
  t: TestContext,
  directory: string,
  image: string,
  containerfile: string,
): Promise<void> {
  await writeFile(join(directory, "Containerfile"), containerfile);
  await engineOutput("podman", ["build", "--quiet", "--tag", image, directory]);
  t.after(() => engineCommand("podman", ["rmi", "--force", image]));
}

async function makeImageWithoutShell(t: TestContext, directory: string): Promise<void> {
  const shells = ["sh", "bash", "dash", "rbash"].flatMap((name) => [`/bin/${name}`, `/usr/bin/${name}`]);
  const script = `import os; [os.path.lexists(p) and os.remove(p) for p in ${JSON.stringify(shells)}]`;
  const run = JSON.stringify(["python", "-c", script]);
  await makeImage(t, directory, BARE_IMAGE, `FROM ${SDK_IMAGE}\nRUN ${run}\n`);
  const { code } = await engineCommand("podman", ["image", "exists", BUSYBOX_IMAGE]);
  if (code === 0) return;
  // A stand-in, made of the machine's own.
  await copyFile(BUSYBOX, join(directory, "busybox"));
  await makeImage(t, directory, BUSYBOX_IMAGE, "FROM scratch\nCOPY busybox /bin/busybox\n");
}

/** Those of the subject's server; others may be there of other tests. */
function reproductionContainers({ server }: Subject): Promise<string[]> {
  const labels = [LABEL.reproduction, `${LABEL.instance}=${instanceOf(server.ready.data)}`];
  const filters = labels.flatMap((label) => ["--filter", `label=${label}`]);
  return listContainers("podman", ["--all", "--quiet", ...filters]);
}

function instanceOf(dataDirectory: string): string {
  const store = new DatabaseSync(join(dataDirectory, STORE_FILE), { readOnly: true });
  try {
    const found = store.prepare("SELECT value FROM secrets WHERE name = 'instance'").get();
    assert.ok(typeof found?.["value"] === "string");
    return found["value"];
  } finally {
    store.close();
  }
}
