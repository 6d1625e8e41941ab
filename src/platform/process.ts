/** The platform of `boxkite up --engine process`: tasks are programs of this machine, and images are not built. */
import { join } from "node:path";
import { createProcessExecutor } from "../executors/process/process-executor.ts";
import { systemClock } from "../lib/clock.ts";
import { compiledCodeDirectory } from "../lib/compiled-code.ts";
import { isLoopback } from "../lib/loopback.ts";
import type { Platform } from "./platform.ts";
import { classWithoutBridges } from "./reach.ts";

/** `path`: directories that are searched for an attempt's command before the server's PATH. */
export function processPlatform(path: readonly string[], env: NodeJS.ProcessEnv): Platform {
  return {
    createExecutor: async ({ dataDirectory, log }) =>
      createProcessExecutor({
        directory: join(dataDirectory, "attempts"),
        path,
        env,
        compiledCode: compiledCodeDirectory(env),
        clock: systemClock,
        log,
      }),
    createImageTools: undefined,
    createImageChecker: undefined,
    engineReport: { summary: "process: tasks are programs of this machine", advice: [] },
    containerConnections: undefined,
    listenAt: "127.0.0.1",
    accepts: isLoopback,
    classOf: classWithoutBridges,
    probe: async () => undefined,
    close: async () => {},
  };
}
