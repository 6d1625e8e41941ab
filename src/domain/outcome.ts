/** From what an attempt wrote, and how it ended, to its outcome: who is to blame is decided here. */
import type { ActionCode } from "./action-codes.ts";
import type { ActionError } from "./action.ts";
import type { AttemptExit, AttemptOutcome } from "./attempt.ts";
import type { ErrorCode } from "./errors.ts";
import type { ResolvedImage } from "./image.ts";
import { textsOf, type OutcomeTexts } from "./outcome-texts.ts";
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

/** `image`: what the attempt ran; messages name it, or this machine where there is none. */
export function judge(
  written: Written,
  exit: AttemptExit,
  image: Pick<ResolvedImage, "reference" | "source">,
): Outcome {
  const texts = textsOf(image);
  // What the task wrote counts first: it wrote that while it ran well.
  if (written.kind === "error") {
    if (written.error.message.includes(DISK_FULL_ANSWER)) return diskFull(written.error);
    return { kind: "failed", error: written.whileLoading ? explained(written.error, texts) : written.error };
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
      return failed(exit.code ?? "StartFailed", exit.message ?? texts.notStarted, exit.hint, false);
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
      return exit.outOfMemory ? outOfMemory() : exitedWithNothing(exit.exitCode, texts);
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

function explained(error: ActionError, texts: OutcomeTexts): ActionError {
  const hint = ownValue(texts.loadingHints, error.code);
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

function exitedWithNothing(exitCode: number | undefined, texts: OutcomeTexts): Outcome {
  if (exitCode === 0) return failed("NoOutputs", texts.noOutputs, texts.noOutputsHint, false);
  // How a shell, such as that of an ENTRYPOINT script, says that it could not run a command.
  if (exitCode === 127) return failed("ENTRYPOINT_NOT_FOUND", texts.notFound, texts.commandHint, false);
  if (exitCode === 126)
    return failed("ENTRYPOINT_NOT_EXECUTABLE", texts.notExecutable, texts.commandHint, false);
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
