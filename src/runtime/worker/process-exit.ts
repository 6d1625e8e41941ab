/** `process.exit` in a resident worker: it ends the attempt that calls it, and not the others. */
import { syncBuiltinESMExports } from "node:module";

/** Thrown where a task called `process.exit`, so that nothing behind the call runs. */
export class ExitedError extends Error {
  override readonly name = "ExitedError";

  constructor(code: number) {
    super(`process.exit(${code}) was called`);
  }
}

/** Ends an attempt with this code. */
export type EndAttempt = (code: number) => void;

/** For the rest of the process; `caller`: the attempt that runs now, undefined where that is not known. */
export function redirectExit(caller: () => EndAttempt | undefined): void {
  const exit = process.exit.bind(process);
  process.exit = (code?: number | string | null): never => {
    const endAttempt = caller();
    if (endAttempt === undefined) return exit(code);
    const chosen = Number(code ?? process.exitCode ?? 0);
    endAttempt(chosen);
    throw new ExitedError(chosen);
  };
  syncBuiltinESMExports();
}
