/** What happens between a signal and the end of `boxkite up`. */
import type { Logger } from "../lib/log.ts";
import type { Server } from "../server/server.ts";
import { EXIT } from "./command.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
type Signal = (typeof SIGNALS)[number];

export function untilSignal(): Promise<Signal> {
  return new Promise((resolve) => {
    const stop = (signal: Signal) => {
      for (const each of SIGNALS) process.off(each, stop);
      resolve(signal);
    };
    for (const signal of SIGNALS) process.on(signal, stop);
  });
}

/** Says what the end waits for, if there is anything. From here on another signal ends the process at once. */
export async function announceStop(
  server: Pick<Server, "liveAttempts">,
  { ephemeral, log }: { readonly ephemeral: boolean; readonly log: Logger },
): Promise<void> {
  const endAtOnce = (signal: Signal) => {
    log.warn("ended at once, on another signal", { signal });
    process.exit(EXIT.failed);
  };
  for (const signal of SIGNALS) process.on(signal, endAtOnce);
  // Where the store cannot be read any more, the server is ended all the same.
  const attempts = await server.liveAttempts().catch(() => 0);
  if (attempts === 0) return;
  const what = ephemeral
    ? "stopping: running attempts are ended first; Ctrl-C again does not wait for them"
    : "stopping: what attempts have reported is recorded first; they go on; Ctrl-C again does not wait";
  log.info(what, { attempts });
}
