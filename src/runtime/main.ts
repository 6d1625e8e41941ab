/** `a0-ts`: the program that a task container runs. */
import { writeSync } from "node:fs";
import { parseArguments, UsageError, type RuntimeArguments } from "./arguments.ts";
import {
  EXIT_CODES,
  EXIT_CRASH,
  EXIT_TERMINATED,
  EXIT_USAGE,
  exitNotice,
  GRACE_MS,
  runAction,
} from "./run-action.ts";
import { openStorage } from "../client/storage/storage.ts";
import { systemClock } from "../lib/clock.ts";
import { orAborted } from "../lib/wait.ts";
import { ActionAbortedError } from "../sdk/authoring/errors.ts";

/** Whether the process ends by `exit` below, and not by a call of the task's own. */
const ending = { isOurs: false };

async function main(): Promise<number> {
  let given: RuntimeArguments;
  try {
    if (process.argv[2] === "--worker") {
      const { serveAttempts } = await import("./worker/serve.ts");
      const code = await serveAttempts(process.argv.slice(3));
      if (code !== undefined) return code;
    }
    given = parseArguments(process.argv.slice(2), process.env);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`a0-ts: ${error.message}\n`);
    return EXIT_USAGE;
  }
  process.setSourceMapsEnabled(true);
  process.once("exit", (code) => {
    // Nothing can be recorded any more: the log has to say what happened.
    if (!ending.isOurs) writeSync(2, exitNotice(code));
  });
  const crash = (error: unknown): void => {
    // An error that nobody handled: the process cannot go on, but the error is recorded.
    import("./record-failure.ts")
      .then(({ recordFailure }) => recordFailure(openStorage(process.env), given, error))
      .then(
        () => exit(EXIT_CRASH),
        () => exit(EXIT_CRASH),
      );
  };
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
  // Node would exit, as if everything were done, while a task waits only for its signal.
  systemClock.timer(Number.MAX_SAFE_INTEGER, () => undefined);
  const abort = new AbortController();
  const graceOver = new AbortController();
  process.once("SIGTERM", () => {
    abort.abort(new ActionAbortedError("the platform ends this action"));
    systemClock.timer(GRACE_MS, () => graceOver.abort());
  });
  try {
    const outcome = await orAborted(runAction(given, process.env, abort.signal), graceOver.signal);
    return abort.signal.aborted ? EXIT_TERMINATED : EXIT_CODES[outcome];
  } catch (error) {
    // Also where it had a result that nobody takes any more.
    if (abort.signal.aborted) return EXIT_TERMINATED;
    throw error;
  }
}

/** Ends the process regardless of timers and connections that the task left, once its output is flushed. */
function exit(code: number): void {
  ending.isOurs = true;
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
}

main().then(exit, (error: unknown) => {
  process.stderr.write(`a0-ts: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  exit(EXIT_CRASH);
});
