/** Logs are removed after their retention time; requests for removed logs say so. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { systemClock } from "../../src/lib/clock.ts";
import { choosePlatform } from "../../src/platform/choose.ts";
import { createLogger } from "../../src/lib/log.ts";
import { startServer as startInProcess } from "../../src/server/server.ts";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { clientConfig, startServer, temporaryDirectory } from "../helpers/server.ts";
import { flyteCli } from "../helpers/stock-cli.ts";
import { stockPython } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

const DAY_MS = 86_400_000;

let python = "";
before(() => {
  python = stockPython();
  usePython(python);
});

const FLOW = `
import flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def speaks(x: int) -> int:
    print("something to remember")
    return x
`;

test("the logs of a run are removed 30 days after its end, its results stay, and every client says so", async (t) => {
  const data = await temporaryDirectory(t);
  const subject = await processSubject(t, FLOW, ["--data", data]);
  await subject.run("speaks", { x: 1 }, { name: "one" });
  await subject.server.kill("SIGTERM");
  const files = join(data, "logs/flytesnacks/development/one");

  /** Restarts the server with a clock that many days later. */
  const later = async (days: number) => {
    const lines: string[] = [];
    const platform = await choosePlatform({ engine: "process", python }, process.env);
    const server = await startInProcess({
      dataDirectory: data,
      ephemeral: false,
      port: 0,
      reach: { listenAt: "127.0.0.1", accepts: () => true, classOf: () => "loopback" },
      createExecutor: (context) => platform.createExecutor(context),
      createImageTools: undefined,
      version: "0",
      maxParallel: 1,
      queues: new Map(),
      keepLogsDays: 30,
      clock: { ...systemClock, now: () => systemClock.now() + days * DAY_MS },
      log: createLogger({ format: "json", write: (line) => lines.push(line) }),
    });
    await writeFile(subject.server.config, clientConfig(server.port));
    return { server, logged: (words: string) => lines.some((line) => line.includes(words)) };
  };
  const logPage = async (port: number) => {
    const run = `http://127.0.0.1:${port}/v2/domain/development/project/flytesnacks/runs/one`;
    const [text, page] = await Promise.all([fetch(`${run}/log`), fetch(run)]);
    return { status: text.status, text: await text.text(), page: await page.text() };
  };

  const early = await later(29);
  try {
    assert.match((await logPage(early.server.port)).text, /something to remember/u);
    assert.match((await flyteCli(subject, "get", "logs", "one")).text, /something to remember/u);
  } finally {
    await early.server.close();
  }
  assert.equal(early.logged("removed the logs"), false);

  const late = await later(31);
  try {
    await until(async () => late.logged("removed the logs of runs that ended long ago"));
    assert.equal(existsSync(files), false);
    const told = await flyteCli(subject, "get", "logs", "one");
    assert.equal(told.code, 1);
    assert.match(told.text, /the logs of run one were removed at .*--keep-logs-days/su);
    const page = await logPage(late.server.port);
    assert.equal(page.status, 404);
    assert.match(page.text, /were removed at/u);
    assert.match(page.page, /Removed .*logs are kept for a while/su);
    assert.match((await flyteCli(subject, "get", "io", "one")).text, /o0="?1/u);
  } finally {
    await late.server.close();
  }
});

test("a log is cut at --max-log-mib, and its last line says how much is missing", async (t) => {
  const subject = await processSubject(
    t,
    `
import flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def floods(x: int) -> int:
    for n in range(20_000):
        print(f"{n:08} " + "x" * 100)
    return x
`,
    ["--max-log-mib", "1"],
  );
  await subject.run("floods", { x: 1 }, { name: "one" });
  const address = `${subject.server.ready.url}/v2/domain/development/project/flytesnacks/runs/one/log`;
  const lines = (await (await fetch(address)).text()).trim().split("\n");
  assert.match(lines.at(-1) ?? "", /more lines were dropped: a log keeps 1048576 bytes/u);
  assert.ok(lines.length > 5_000 && lines.length < 12_000, `${lines.length} lines`);
});

test("an invalid number of days or megabytes is refused with its source", async (t) => {
  const args = ["--engine", "process", "--python", python, "--ephemeral"];
  await assert.rejects(
    startServer(t, { args: [...args, "--keep-logs-days", "soon"] }),
    /--keep-logs-days is \\"soon\\"; it must be a whole number from 0/u,
  );
  await assert.rejects(
    startServer(t, { args, env: { BOXKITE_MAX_LOG_MIB: "0" } }),
    /BOXKITE_MAX_LOG_MIB is \\"0\\"; it must be a whole number from 1/u,
  );
});
