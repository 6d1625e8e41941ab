/**
 * SIGTERM to `npx boxkite up`. npm starts programs in a shell and passes the signal to that shell only, which ends
 * and leaves the program behind; so the end of the shell counts as the signal.
 */
import type { Clock } from "../lib/clock.ts";
import type { StopRequest } from "./stopping.ts";

const CHECK_MS = 500;

/** Resolves when the shell of npm that started this process has ended; never where npm did not start it. */
export async function untilShellEnds(
  env: NodeJS.ProcessEnv,
  clock: Clock,
  parent: () => number = () => process.ppid,
): Promise<StopRequest> {
  // A script of package.json may put the server in the background and end; what npx starts is the command itself.
  if (env["npm_command"] !== "exec") return new Promise(() => {});
  const shell = parent();
  while (parent() === shell) await clock.sleep(CHECK_MS, { ref: false });
  return { signal: "SIGTERM", at: clock.now() };
}
