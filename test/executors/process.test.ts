/** The process executor does what every executor does. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attemptDirectoryName, createProcessExecutor } from "../../src/executors/process/process-executor.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { until } from "../helpers/until.ts";
import { executorConformance } from "./conformance.ts";

executorConformance("process", async () => {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-process-"));
  const open = () =>
    createProcessExecutor({ directory, path: [], env: process.env, clock: systemClock, log: silentLogger });
  return {
    executor: open(),
    honours: ["secretVariables", "reuse"],
    reopen: async () => open(),
    ended: (key) => until(async () => existsSync(join(directory, attemptDirectoryName(key), "exit"))),
    shell: (script) => ({ command: ["sh", "-c"], args: [script] }),
    close: () => rm(directory, { recursive: true, force: true }),
  };
});
