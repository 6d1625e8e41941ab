/** From what an attempt wrote, and how it ended, to its outcome: who is to blame is decided here. */
import type { ActionCode } from "./action-codes.ts";
import type { ActionError } from "./action.ts";
import type { AttemptExit, AttemptOutcome } from "./attempt.ts";
import type { ErrorCode } from "./errors.ts";
import { ownValue } from "./own-value.ts";
import type { TerminalPhase } from "./phase.ts";

/** What the task's runtime wrote under the attempt's output prefix. */
export type Written =
  | { readonly kind: "outputs" }
  /** `whileLoading`: the runtime could not even begin the task. */
  | { readonly kind: "error"; readonly error: ActionError; readonly whileLoading: boolean }
  /** The disk lost what it wrote. */
  | { readonly kind: "damaged"; readonly message: string; readonly hint?: string | undefined }
  | { readonly kind: "nothing" };

export type Outcome =
  | { readonly kind: "succeeded" }
  | { readonly kind: "failed"; readonly error: ActionError }
  | { readonly kind: "lost"; readonly error: ActionError }
  /** Its capacity was taken, or given back: nobody's failure, and another attempt follows. */
  | { readonly kind: "preempted" | "parked"; readonly reason: string };

/** What people are shown of an attempt that ended so. */
export function phaseOfOutcome(outcome: AttemptOutcome): TerminalPhase {
  switch (outcome) {
    case "lost":
      return "failed";
    // Ended from outside, without a fault of its own.
    case "preempted":
    case "parked":
      return "aborted";
    default:
      return outcome;
  }
}

/** `image`: how to call it in messages. */
export function judge(written: Written, exit: AttemptExit, image: string): Outcome {
  // What the task wrote counts first: it wrote that while it ran well.
  if (written.kind === "error") {
    if (written.error.message.includes(DISK_FULL_ANSWER)) return diskFull(written.error);
    return { kind: "failed", error: written.whileLoading ? explained(written.error, image) : written.error };
  }
  // An action that completed is not failed for a crash on the way out.
  if (written.kind === "outputs") return { kind: "succeeded" };
  if (written.kind === "damaged") {
    const { message, hint } = written;
    return {
      kind: "lost",
      error: { code: "OBJECT_DAMAGED", message, hint, kind: "system", recoverable: true },
    };
  }

  switch (exit.reason) {
    case "start_failed":
      return failed(
        exit.code ?? "StartFailed",
        exit.message ?? `image ${image} could not be started`,
        exit.hint,
        false,
      );
    case "lost":
      return {
        kind: "lost",
        error: {
          code: exit.code ?? "Interrupted",
          message: exit.message ?? "the attempt vanished while it ran",
          hint: exit.hint,
          kind: "system",
          recoverable: true,
        },
      };
    case "preempted":
      return { kind: "preempted", reason: exit.message ?? "its capacity was taken for something else" };
    case "parked":
      return { kind: "parked", reason: exit.message ?? "it waits for others and gave its capacity back" };
    case "exited":
      return exit.outOfMemory ? outOfMemory() : exitedWithNothing(exit.exitCode, image);
  }
}

/**
 * What the object store answers when the server's disk is full (objects/s3). A task that fails because its
 * result was not taken quotes it, and is not to blame.
 */
export const DISK_FULL_ANSWER = "<Code>InsufficientStorage</Code>";

function diskFull({ message }: ActionError): Outcome {
  const hint = "the server's disk is full: free some space in its data directory, then rerun";
  // Not tried again: space does not come by itself, and the SDK's runtime has tried for some time already.
  return { kind: "failed", error: { code: "DISK_FULL", message, hint, kind: "system", recoverable: false } };
}

/** What to do about a task that could not be loaded, by the class of Python's exception. */
const LOADING_HINTS: Readonly<Record<string, (image: string) => string>> = {
  ModuleNotFoundError: (image) =>
    `is the task's module in ${image}, below its WORKDIR or on its PYTHONPATH, and is what it imports installed there? Without copy_style="none" the code would be sent along`,
  AttributeError: (image) =>
    `the module in ${image} is not the one that this run was made from: rebuild and push the image, or run without copy_style="none"`,
  PermissionError: (image) =>
    `the USER of ${image} may not write to its WORKDIR, where sent code is unpacked: give it a WORKDIR of its own, or bake the code in and run with copy_style="none"`,
};

function explained(error: ActionError, image: string): ActionError {
  const hint = ownValue(LOADING_HINTS, error.code)?.(image);
  return hint === undefined ? error : { ...error, hint };
}

const SEE_LOG = "see the end of its log";

function outOfMemory(): Outcome {
  return failed(
    "OOMKilled",
    "killed for using more memory than its limit",
    'raise it: resources=flyte.Resources(memory="4Gi") on the task\'s environment, or memory=("1Gi", "4Gi"), request and limit',
    true,
  );
}

function exitedWithNothing(exitCode: number | undefined, image: string): Outcome {
  if (exitCode === 0) {
    return failed(
      "NoOutputs",
      "the container ended with code 0 but wrote neither outputs nor an error",
      `does the ENTRYPOINT of ${image} swallow its arguments? It must run them, as in ENTRYPOINT ["/entrypoint.sh"] ending with exec "$@"`,
      false,
    );
  }
  // How an ENTRYPOINT script says that it could not run its arguments.
  if (exitCode === 127 || exitCode === 126) {
    const [code, what]: [ActionCode, string] =
      exitCode === 127
        ? ["ENTRYPOINT_NOT_FOUND", "found"]
        : ["ENTRYPOINT_NOT_EXECUTABLE", "executable by the image's user"];
    return failed(
      code,
      `the container ended with code ${exitCode}: its command was not ${what}`,
      `is flyte installed in ${image}, and is the directory of a0 on its PATH?`,
      false,
    );
  }
  if (exitCode !== undefined && exitCode > 128) {
    return failed(
      "Killed",
      `the process was killed by signal ${exitCode - 128} (exit code ${exitCode}) before it could write a result`,
      SEE_LOG,
      true,
    );
  }
  return failed(
    "ExitCode",
    `the process ended with code ${exitCode ?? "unknown"} before it could write a result`,
    SEE_LOG,
    true,
  );
}

function failed(
  code: ActionCode | ErrorCode,
  message: string,
  hint: string | undefined,
  recoverable: boolean,
): Outcome {
  return { kind: "failed", error: { code, message, hint, kind: "user", recoverable } };
}

/** Longest error message kept: head and tail of a longer one, e.g. a listing of the whole file system. */
export const MAX_ERROR_CHARS = 16_384;

export function shorten(message: string, maxChars = MAX_ERROR_CHARS): string {
  if (message.length <= maxChars) return message;
  const half = Math.floor((maxChars - 60) / 2);
  const cut = message.length - 2 * half;
  return `${message.slice(0, half)}\n[… ${cut} characters left out …]\n${message.slice(-half)}`;
}
