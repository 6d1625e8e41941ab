/** What happens between a signal and the end of `boxkite up`. */
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Server } from "../server/server.ts";
import { EXIT } from "./command.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
type Signal = NodeJS.Signals;

/** npm passes on the SIGINT that the terminal has sent to each of its processes: one Ctrl-C arrives twice. */
const SAME_SIGNAL_MS = 500;

export interface StopRequest {
  readonly signal: Signal;
  readonly at: number;
}

/** From its call on, no signal ends the process by itself. */
export function untilSignal(clock: Clock): Promise<StopRequest> {
  const { promise, resolve } = Promise.withResolvers<StopRequest>();
  for (const each of SIGNALS) process.on(each, (signal) => resolve({ signal, at: clock.now() }));
  return promise;
}

export interface StopContext {
  readonly ephemeral: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Says what the end waits for, if there is anything. From here on another signal ends the process at once. */
export async function announceStop(
  server: Pick<Server, "liveAttempts">,
  request: StopRequest,
  { ephemeral, clock, log }: StopContext,
): Promise<void> {
  const endAtOnce = (signal: Signal) => {
    if (clock.now() - request.at < SAME_SIGNAL_MS) return;
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
