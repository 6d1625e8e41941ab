/** What the terminal of `boxkite up` says: how to begin, each run, and how it ends. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { delimiter, dirname } from "node:path";
import { test, type TestContext } from "node:test";
import { BOXKITE, clientConfig, temporaryDirectory } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded, writeProgram } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

const FLOW = `
import pathlib, signal, sys, time
import flyte

env = flyte.TaskEnvironment(name="e")

@env.task
async def main(x: int) -> int:
    return x

@env.task
async def stubborn(mark: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pathlib.Path(mark).touch()
    time.sleep(300)

if __name__ == "__main__":
    flyte.init_from_config(sys.argv[1])
    run = flyte.with_runcontext(name=sys.argv[3]).run(main if sys.argv[2] == "main" else stubborn, *map(eval, sys.argv[4:]))
    print(run.url)
    if sys.argv[2] == "main":
        run.wait(quiet=True)
`;

interface Terminal {
  readonly child: ChildProcess;
  readonly port: number;
  readonly banner: string;
  /** What it has logged so far. */
  log(): string;
  readonly exited: Promise<unknown>;
}

/** `boxkite up` as it is typed, without --json. */
async function openTerminal(t: TestContext, ...args: string[]): Promise<Terminal> {
  const process_ = ["up", "--engine", "process", "--python", stockPython(), "--port", "0", "--ephemeral"];
  const child = spawn(process.execPath, [BOXKITE, ...process_, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  const exited = once(child, "exit");
  let [banner, log] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (banner += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  await until(async () => banner.includes("  Next  ") && banner.endsWith("\n\n"));
  const port = Number(/http:\/\/localhost:(\d+)/u.exec(banner)?.[1]);
  return { child, port, banner, log: () => log, exited };
}

/** Starts a task of FLOW; main is awaited. */
async function start(t: TestContext, port: number, ...args: string[]): Promise<void> {
  const directory = await temporaryDirectory(t);
  await writeProgram(directory, { "flow.py": FLOW, "config.yaml": clientConfig(port) });
  succeeded(await runProgram(stockPython(), ["flow.py", "config.yaml", ...args], { cwd: directory }));
}

test("the first command works as it is printed, in an empty directory", async (t) => {
  const { banner } = await openTerminal(t);
  const command = /^ {2}Next {3}(.+)$/mu.exec(banner)?.[1] ?? "";
  const cwd = await temporaryDirectory(t);
  const path = [dirname(stockPython()), process.env["PATH"]].join(delimiter);
  const ran = succeeded(await runProgram("sh", ["-c", command], { cwd, env: { PATH: path } }));
  assert.match(ran.stdout, /flytesnacks/u);
  assert.match(banner, /Open to {3}this machine\n/u);
});

test("a run is a line at its start and one at its end, with the address of its page; with --quiet it is none", async (t) => {
  const [plain, quiet] = await Promise.all([openTerminal(t), openTerminal(t, "--quiet")]);
  await Promise.all([start(t, plain.port, "main", "one", "1"), start(t, quiet.port, "main", "one", "1")]);
  await until(async () => plain.log().includes("run succeeded"));
  const page = `http://localhost:${plain.port}/v2/domain/development/project/flytesnacks/runs/one`;
  assert.match(plain.log(), new RegExp(`info {2}run started run=one task=e.main url=${page}\\n`, "u"));
  assert.match(plain.log(), new RegExp(`info {2}run succeeded run=one seconds=[\\d.]+ url=${page}\\n`, "u"));
  assert.equal((await fetch(page)).status, 200);
  assert.equal(quiet.log(), "");
});

test("an idle server ends at once, with one line", async (t) => {
  const { child, log, exited } = await openTerminal(t);
  const before = log().length;
  child.kill("SIGINT");
  assert.deepEqual(await exited, [0, null]);
  assert.match(log().slice(before), /^\S+ info {2}stopped signal=SIGINT\n$/u);
});

test("the first signal says what the end waits for, the second does not wait", async (t) => {
  const { child, port, log, exited } = await openTerminal(t);
  const mark = join(await temporaryDirectory(t), "mark");
  await start(t, port, "stubborn", "waits", JSON.stringify(mark));
  await until(async () => existsSync(mark), 60_000);
  // As npm, which passes on what the terminal has sent already.
  child.kill("SIGINT");
  child.kill("SIGINT");
  await until(async () => log().includes("stopping: running attempts are ended first"));
  child.kill("SIGINT");
  await until(async () => {
    child.kill("SIGINT");
    return log().includes("ended at once");
  });
  assert.deepEqual(await exited, [1, null]);
  assert.match(log(), /attempts=1\n/u);
  assert.match(log(), /ended at once, on another signal/u);
});
