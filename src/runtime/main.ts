/** `a0-ts`: the program that a task container runs. */
import { writeSync } from "node:fs";
import { parseArguments, UsageError, type RuntimeArguments } from "./arguments.ts";
import { runAction, type Outcome } from "./run-action.ts";
import { openStorage } from "../client/storage/storage.ts";
import { systemClock } from "../lib/clock.ts";
import { orAborted } from "../lib/wait.ts";
import { ActionAbortedError } from "../sdk/authoring/errors.ts";

/** As in Python's `a0`: an error of the task is none of the process; the platform reads error.pb. */
const EXIT_CODES: Readonly<Record<Outcome, number>> = { succeeded: 0, failed: 0, unloadable: 1 };
const EXIT_USAGE = 2;
const EXIT_CRASH = 1;
const EXIT_TERMINATED = 143;

/** How long a task may take to end after SIGTERM. */
const GRACE_MS = 10_000;

/** Whether the process ends by `exit` below, and not by a call of the task's own. */
const ending = { isOurs: false };

async function main(): Promise<number> {
  let given: RuntimeArguments;
  try {
    given = parseArguments(process.argv.slice(2), process.env);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`a0-ts: ${error.message}\n`);
    return EXIT_USAGE;
  }
  process.setSourceMapsEnabled(true);
  process.once("exit", (code) => {
    if (!ending.isOurs) reportForeignExit(code);
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
    if (graceOver.signal.aborted) return EXIT_TERMINATED;
    throw error;
  }
}

/** Ends the process regardless of timers and connections that the task left, once its output is flushed. */
function exit(code: number): void {
  ending.isOurs = true;
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
}

/** Nothing can be recorded any more: the log has to say what happened. The caller is in the stack of the event. */
function reportForeignExit(code: number): void {
  const frames = (new Error("exit").stack ?? "").split("\n").map((line) => line.trim());
  const call = frames.findIndex((line) => line.startsWith("at process.exit "));
  const caller = call === -1 ? "" : (frames[call + 1] ?? "");
  writeSync(2, `a0-ts: process.exit(${code}) was called before the task had ended ${caller}\n`);
}

main().then(exit, (error: unknown) => {
  process.stderr.write(`a0-ts: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  exit(EXIT_CRASH);
});
