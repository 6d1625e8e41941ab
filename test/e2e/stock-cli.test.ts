/** The stock command line, command by command: what it prints, as a table and as JSON, and its exit codes. */
import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { flyteCli } from "../helpers/stock-cli.ts";
import { stockPython } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

before(() => usePython(stockPython()));

const FLOW = `
import asyncio, flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def child(x: int) -> int:
    print("the child has", x, flush=True)
    return x + 1

@env.task
async def parent(x: int = 3, word: str = "ab") -> str:
    print("the parent has", word, flush=True)
    return word * await child(x)

@env.task
async def fails(x: int) -> int:
    raise ValueError("x is too small")

@env.task
async def sleeps(x: int) -> int:
    print("falling asleep", flush=True)
    await asyncio.sleep(600)
    return x

@env.task
async def waits(x: int) -> str:
    try:
        await sleeps(x)
    except Exception as error:
        return type(error).__name__
    return "nothing"
`;

interface ActionJson {
  readonly id: { readonly name: string; readonly run: { readonly name: string } };
  readonly metadata: { readonly parent?: string; readonly relation?: unknown };
  readonly status: { readonly phase: string; readonly attempts: number; readonly endTime?: string };
  readonly abortInfo?: { readonly reason: string };
  readonly errorInfo?: { readonly message: string };
}

test("flyte run --follow prints the run, its address and its log, until it ends", async (t) => {
  const subject = await processSubject(t, FLOW);
  const table = await flyteCli(
    subject,
    "run",
    "--follow",
    "--name",
    "followed",
    "flow.py",
    "parent",
    "--x",
    "1",
  );
  assert.equal(table.code, 0, table.text);
  assert.match(table.text, /Created Run: followed/);
  assert.ok(
    table.text.includes(
      `${subject.server.ready.url}/v2/domain/development/project/flytesnacks/runs/followed`,
    ),
  );
  assert.match(table.text, /the parent has ab/);
  assert.match(table.text, /completed for action a0/);
  const json = await flyteCli(
    subject,
    "-of",
    "json",
    "run",
    "--name",
    "not-followed",
    "flow.py",
    "fails",
    "--x",
    "1",
  );
  assert.equal(json.code, 0, json.text);
  assert.match(json.text, /Created Run: not-followed\n/);
  assert.doesNotMatch(json.text, /x is too small/);
});

test("get run, action, io and task, as tables and as JSON", async (t) => {
  const subject = await processSubject(t, FLOW);
  await subject.run("parent", { x: 1 }, { name: "one", labels: { team: "data" }, version: "v1" });
  const get = (...args: string[]) => flyteCli(subject, "get", ...args);
  const getJson = async (...args: string[]) => {
    const printed = await flyteCli(subject, "-of", "json-raw", "get", ...args);
    assert.equal(printed.code, 0, printed.text);
    return printed.json();
  };

  const [runs, oneRun, actions, listed, details, io] = await Promise.all([
    get("run"),
    getJson("run"),
    get("action", "one"),
    getJson("action", "one"),
    get("run", "one"),
    get("io", "one"),
  ]);
  const [row] = runs.rows();
  for (const text of ["one", "e.parent", "python", "a0", "ACTION_PHASE_SUCCEEDED", "{'team': 'data'}"])
    assert.ok(row?.includes(text), `${text} in ${runs.text}`);
  const [run] = oneRun as { action: ActionJson; labels: object }[];
  assert.deepEqual(run?.labels, { team: "data" });
  assert.equal(run?.action.status.phase, "ACTION_PHASE_SUCCEEDED");
  assert.deepEqual(
    actions.rows().map((cells) => cells[1]),
    ["e.parent", "e.child"],
  );
  const [root, child] = listed as ActionJson[];
  assert.equal(root?.id.name, "a0");
  assert.equal(child?.metadata.parent, "a0");
  assert.equal(child?.status.attempts, 1);
  assert.match(details.text, /'team': 'data'/);
  assert.match(details.text, /'phase': 'ACTION_PHASE_SUCCEEDED'/);
  assert.match(io.text, /\{'x': 1, 'word': 'ab'\}/);
  assert.match(io.text, /o0="abab"/);

  const name = child?.id.name ?? "";
  const [childDetails, inputs, outputs] = await Promise.all([
    getJson("action", "one", name).catch(() => undefined),
    get("io", "one", name, "--inputs-only"),
    get("io", "one", name, "--outputs-only"),
  ]);
  // Details are printed as Python whatever is asked for.
  assert.equal(childDetails, undefined);
  assert.match(inputs.text, /\{'x': 1\}/);
  assert.match(outputs.text, /o0="?2/);

  const deployed = await flyteCli(subject, "deploy", "--version", "v1", "flow.py", "env");
  assert.equal(deployed.code, 0, deployed.text);
  const [tasks, task, named] = await Promise.all([
    get("task", "--limit", "10"),
    get("task", "e.parent", "v1"),
    getJson("task", "e.child"),
  ]);
  assert.deepEqual(
    tasks
      .rows()
      .map((cells) => cells[2] ?? "")
      .toSorted(),
    ["e.child", "e.fails", "e.parent", "e.sleeps", "e.waits"],
  );
  assert.match(task.text, /'name': 'e\.parent'/);
  assert.equal((named as { taskId: { version: string } }[])[0]?.taskId.version, "v1");
});

test("abort run and abort action, with a reason; ended runs stay as they are", async (t) => {
  const subject = await processSubject(t, FLOW);
  const waiting = subject.run("waits", { x: 1 }, { name: "waits" });
  const sleeping = subject.run("sleeps", { x: 1 }, { name: "sleeps" });
  const actionsOf = async (run: string) =>
    (
      await flyteCli(subject, "-of", "json-raw", "get", "action", run, "--in-phase", "running")
    ).json() as ActionJson[];
  await until(async () => (await actionsOf("waits").catch(() => [])).length === 2, 120_000);
  const child = (await actionsOf("waits")).find(({ metadata }) => metadata.parent === "a0");
  const [one, other] = await Promise.all([
    flyteCli(subject, "abort", "action", "waits", child?.id.name ?? "", "--reason", "not needed"),
    flyteCli(subject, "abort", "run", "sleeps", "--reason", "lunch time"),
  ]);
  assert.equal(one.code, 0, one.text);
  assert.equal(other.code, 0, other.text);
  assert.match(other.text, /Run 'sleeps' has been aborted/);
  assert.deepEqual((await waiting).outputs, ["ActionAbortedError"]);
  assert.match((await sleeping).phase.toLowerCase(), /aborted/);
  const [shown, again] = await Promise.all([
    flyteCli(subject, "get", "action", "sleeps", "a0"),
    flyteCli(subject, "abort", "run", "waits"),
  ]);
  assert.match(shown.text, /'abortInfo': \{'reason': 'lunch time'/);
  assert.notEqual(again.code, 0);
  assert.match(again.text, /run waits was not aborted: it has already ended \(succeeded\)/);
  assert.doesNotMatch(again.text, /has been aborted|Traceback/);
  const repeated = await flyteCli(subject, "abort", "run", "sleeps");
  assert.equal(repeated.code, 0, "what is aborted already, by an answer that was lost");
  const late = await flyteCli(subject, "abort", "action", "waits", "a0");
  assert.match(late.text, /run waits was not aborted/);
  const [ended] = (
    await flyteCli(subject, "-of", "json-raw", "get", "action", "waits")
  ).json() as ActionJson[];
  assert.equal(ended?.status.phase, "ACTION_PHASE_SUCCEEDED");
});

test("projects: created, changed, archived and restored; only an active one accepts runs", async (t) => {
  const subject = await processSubject(t, FLOW);
  const projects = async (...args: string[]) =>
    (await flyteCli(subject, "-of", "json-raw", "get", "project", ...args)).json() as {
      id: string;
      name: string;
      description?: string;
      labels: { values?: object };
    }[];
  const done = async (...args: string[]) => {
    const printed = await flyteCli(subject, ...args);
    assert.equal(printed.code, 0, printed.text);
    return printed;
  };
  const runThere = () => flyteCli(subject, "run", "-p", "vision", "flow.py", "fails", "--x", "1");

  await done(
    "create",
    "project",
    "--id",
    "vision",
    "--name",
    "Vision",
    "--description",
    "pixels",
    "-l",
    "team=ml",
  );
  const twice = await flyteCli(subject, "create", "project", "--id", "vision", "--name", "Vision");
  assert.equal(twice.code, 1);
  assert.match(twice.text, /project vision exists already/);
  await done("update", "project", "vision", "--name", "Computer Vision", "-l", "team=cv");
  const [, changed] = await projects();
  assert.deepEqual(
    [changed?.id, changed?.name, changed?.description, changed?.labels.values],
    ["vision", "Computer Vision", "pixels", { team: "cv" }],
  );
  assert.match((await done("get", "project", "vision")).text, /Computer Vision/);

  await done("update", "project", "vision", "--archive");
  assert.deepEqual(
    (await projects()).map(({ id }) => id),
    ["flytesnacks"],
  );
  assert.deepEqual(
    (await projects("--archived")).map(({ id }) => id),
    ["vision"],
  );
  const refused = await runThere();
  assert.equal(refused.code, 1);
  assert.match(refused.text, /project vision is archived.*flyte update project vision --unarchive/su);
  await done("update", "project", "vision", "--unarchive");
  await done("run", "-p", "vision", "flow.py", "fails", "--x", "1");
  const table = await done("get", "project");
  assert.deepEqual(
    table.rows().map((cells) => cells.slice(0, 4)),
    [
      ["flytesnacks", "flytesnacks", table.rows()[0]?.[2], "PROJECT_STATE_ACTIVE"],
      ["Computer Vision", "vision", "pixels", "PROJECT_STATE_ACTIVE"],
    ],
  );
});

test("rerun: unchanged, with other inputs, one action, recovered; each names what it repeats", async (t) => {
  const subject = await processSubject(t, FLOW);
  await subject.run("parent", { x: 1 }, { name: "one" });
  const [, child] = (
    await flyteCli(subject, "-of", "json-raw", "get", "action", "one")
  ).json() as ActionJson[];
  const name = child?.id.name ?? "";
  const again = async (...args: string[]) => {
    const printed = await flyteCli(subject, "rerun", "one", "--follow", ...args);
    assert.equal(printed.code, 0, printed.text);
    return printed;
  };
  const [same] = await Promise.all([
    again("--name", "same", "--label", "why=again"),
    again("--name", "changed", "--word", "xy"),
    again("--name", "part", "--action-name", name),
    again("--name", "recovered", "--recover", "--force-rerun-action", "a0"),
  ]);
  assert.match(same.text, /Created Run: same/);
  assert.match(same.text, /the parent has ab/);
  const io = async (run: string) => (await flyteCli(subject, "get", "io", run)).text;
  const [first, second, third, fourth, runs, help] = await Promise.all([
    io("same"),
    io("changed"),
    io("part"),
    io("recovered"),
    flyteCli(subject, "get", "run"),
    flyteCli(subject, "rerun", "one", "--help"),
  ]);
  assert.match(first, /o0="abab"/);
  assert.match(second, /o0="xyxy"/);
  assert.match(third, /o0="?2/);
  assert.match(fourth, /o0="abab"/);
  const related = Object.fromEntries(runs.rows().map((cells) => [cells[2], cells.at(-2)]));
  assert.deepEqual(related, {
    one: "",
    same: "rerun of one",
    changed: "rerun of one",
    part: "rerun of one",
    recovered: "recover of one",
  });
  assert.match(help.text, /--word/);
});

test("what does not exist is named, and the exit code is not 0", async (t) => {
  const subject = await processSubject(t, FLOW);
  await subject.run("fails", { x: 1 }, { name: "one" });
  const cases: readonly (readonly [args: string, code: number, words: RegExp])[] = [
    ["get run nothing", 1, /NOT FOUND.*no run nothing in flytesnacks\/development/su],
    ["get action nothing", 1, /no run nothing in flytesnacks\/development/u],
    ["get action nothing a0", 1, /no run nothing in flytesnacks\/development/u],
    ["get action one nothing", 1, /no action flytesnacks\/development\/one\/nothing/u],
    ["get io nothing", 1, /no run nothing/u],
    ["get logs nothing", 1, /no run nothing/u],
    ["get logs one nothing", 1, /no action flytesnacks\/development\/one\/nothing/u],
    ["get code nothing", 1, /no run nothing/u],
    ["abort run nothing", 1, /no run nothing/u],
    ["abort action one nothing", 1, /no action flytesnacks\/development\/one\/nothing/u],
    // The SDK prints the failure and exits with 0 (seen with flyte 2.12.1).
    ["rerun nothing", 0, /Re-run failed: there is no run nothing/u],
    ["rerun nothing --x 1", 2, /no run nothing/u],
    ["get task nothing 1", 1, /Task nothing, version 1 not found/u],
    ["get run -p nowhere", 1, /no project "nowhere".*flyte create project --id nowhere/su],
    ["get task -p nowhere", 1, /no project "nowhere"/u],
    ["get project nowhere", 1, /no project "nowhere"/u],
    ["update project nowhere --archive", 1, /no project "nowhere"/u],
    ["run -p nowhere flow.py fails --x 1", 1, /no project "nowhere"/u],
    ["run -d nowhere flow.py fails --x 1", 1, /no domain "nowhere".*development/su],
    ["whoami", 0, /"name": "anonymous"/u],
    ["get run --only-mine", 0, /e\.fails/u],
  ];
  // A few at a time: each is a process.
  for (let at = 0; at < cases.length; at += 3) {
    await Promise.all(
      cases.slice(at, at + 3).map(async ([args, code, words]) => {
        const printed = await flyteCli(subject, ...args.split(" "));
        assert.match(printed.text, words, args);
        assert.equal(printed.code, code, `${args}\n${printed.text}`);
      }),
    );
  }
});

test("get code: listed, unpacked, and kept packed", async (t) => {
  const subject = await processSubject(t, FLOW);
  await subject.run("fails", { x: 1 }, { name: "one" });
  const [listed, unpacked, packed] = await Promise.all([
    flyteCli(subject, "get", "code", "one"),
    flyteCli(subject, "get", "code", "one", "--dest", "unpacked"),
    flyteCli(subject, "get", "code", "one", "--dest", "packed", "--no-extract"),
  ]);
  assert.match(listed.text, /flow\.py/);
  for (const { code, text } of [listed, unpacked, packed]) assert.equal(code, 0, text);
  assert.equal(await readFile(join(subject.directory, "unpacked/flow.py"), "utf8"), FLOW);
  assert.match((await readdir(join(subject.directory, "packed")))[0] ?? "", /^fast[0-9a-f]{32}\.tar\.gz$/u);
  await subject.run("fails", { x: 1 }, { name: "baked", version: "1", copy_style: "none" });
  const none = await flyteCli(subject, "get", "code", "baked");
  assert.notEqual(none.code, 0);
  assert.match(none.text, /No code bundle is associated with action 'a0' in run 'baked'/);
});

test("a condition: listed while it waits, answered once, and then no longer among the paused runs", async (t) => {
  const subject = await processSubject(
    t,
    `
import flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def asks(x: int) -> str:
    condition = await flyte.new_condition.aio("how-many", prompt="how many?", data_type=int)
    return f"{await condition.wait.aio()} of them"
`,
  );
  const waiting = subject.run("asks", { x: 1 }, { name: "one" });
  const paused = async () => (await flyteCli(subject, "get", "run", "--paused-only")).rows();
  await until(async () => (await paused()).length === 1, 120_000);
  const inPhase = await flyteCli(subject, "get", "run", "--in-phase", "paused");
  assert.deepEqual(
    inPhase.rows().map((row) => [row.includes("one"), row.includes("ACTION_PHASE_PAUSED")]),
    [[true, true]],
  );
  const listed = await flyteCli(subject, "-of", "json-raw", "get", "condition", "one");
  const [condition] = listed.json() as ActionJson[];
  const name = condition?.id.name ?? "";
  const wrong = await flyteCli(subject, "signal", "condition", "one", "a0", "3");
  assert.equal(wrong.code, 1);
  assert.match(wrong.text, /not a signalable condition/u);
  const answered = await flyteCli(subject, "signal", "condition", "one", name, "3");
  assert.equal(answered.code, 0, answered.text);
  assert.deepEqual((await waiting).outputs, ["3 of them"]);
  const twice = await flyteCli(subject, "signal", "condition", "one", name, "4");
  assert.equal(twice.code, 1);
  assert.match(twice.text, /waits for no signal: it is succeeded/u);
  assert.deepEqual(await paused(), []);
});
