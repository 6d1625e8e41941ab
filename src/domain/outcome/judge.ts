/** From the evidence of an attempt to its outcome: who is to blame is decided here. */
import type { ActionCode } from "../action-codes.ts";
import type { ActionError } from "../action.ts";
import type { AttemptOutcome } from "../attempt.ts";
import type { ErrorCode, StorageCode } from "../errors.ts";
import type { TerminalPhase } from "../phase.ts";
import { hintFor } from "./error-hints.ts";
import type { Evidence, Written } from "./evidence.ts";
import { factsOf, type Facts } from "./facts.ts";
import { judgeSilence } from "./silence.ts";

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

type WrittenError = Extract<Written, { kind: "error" }>;

export function judge(evidence: Evidence): Outcome {
  const { written, exit } = evidence;
  // An action that completed is not failed for a crash on the way out.
  if (written.kind === "outputs") return { kind: "succeeded" };
  if (written.kind === "damaged") {
    const { message, hint } = written;
    return {
      kind: "lost",
      error: { code: "OBJECT_DAMAGED", message, hint, kind: "system", recoverable: true },
    };
  }
  const facts = factsOf(evidence);
  // What the task wrote counts before how it ended: it wrote that while it ran well.
  if (written.kind === "error") return ofError(written, facts);
  switch (exit.reason) {
    case "start_failed":
      return failed(exit.code ?? "StartFailed", exit.message ?? notStarted(facts), exit.hint, false);
    case "lost":
      return {
        kind: "lost",
        error: {
          code: exit.code ?? "Interrupted",
          message: exit.message ?? "the attempt vanished while it ran",
          hint: exit.hint,
          kind: "system",
          recoverable: exit.recoverable ?? true,
        },
      };
    case "preempted":
      return { kind: "preempted", reason: exit.message ?? "its capacity was taken for something else" };
    case "parked":
      return { kind: "parked", reason: exit.message ?? "it waits for others and gave its capacity back" };
    case "exited":
      return ofSilence(facts);
  }
}

function ofError({ error, whileLoading }: WrittenError, facts: Facts): Outcome {
  const refusal = facts.uploadRefused ?? refusalIn(error.message);
  if (refusal !== undefined) return unstorable(refusal, error.message);
  const hint = error.hint ?? hintFor({ ...error, whileLoading }, facts);
  return { kind: "failed", error: hint === undefined ? error : { ...error, hint } };
}

function ofSilence(facts: Facts): Outcome {
  const { code, message, hint, recoverable } = judgeSilence(facts);
  if (facts.uploadRefused !== undefined)
    return unstorable(facts.uploadRefused, `the server could not store the result (${message})`);
  return failed(code, message, hint, recoverable);
}

function notStarted({ isContainer, image }: Facts): string {
  return isContainer ? `image ${image.reference} could not be started` : "the process could not be started";
}

/**
 * What the object store answers when it cannot store (objects/s3), as clients quote it: obstore the whole answer, boto3
 * and s3fs the code in parentheses. A task that fails because its result was not taken quotes it.
 */
const STORAGE_ANSWER =
  /<Code>(InsufficientStorage|StorageUnavailable)<\/Code>|\((InsufficientStorage|StorageUnavailable)\)/u;

function refusalIn(message: string): StorageCode | undefined {
  const [, whole, quoted] = STORAGE_ANSWER.exec(message) ?? [];
  const answer = whole ?? quoted;
  if (answer === undefined) return undefined;
  return answer === "InsufficientStorage" ? "DISK_FULL" : "DATA_DIRECTORY_UNUSABLE";
}

const STORAGE_HINTS: Readonly<Record<StorageCode, string>> = {
  DISK_FULL: "the server's disk is full: free some space in its data directory, then rerun",
  DATA_DIRECTORY_UNUSABLE:
    "the server's data directory, or its disk, cannot be used: /healthz and the server's log say why; rerun when that is mended",
};

function unstorable(code: StorageCode, message: string): Outcome {
  const hint = STORAGE_HINTS[code];
  // Not tried again: it does not mend itself, and the SDK's runtime has tried for some time already.
  return { kind: "failed", error: { code, message, hint, kind: "system", recoverable: false } };
}

function failed(
  code: ActionCode | ErrorCode,
  message: string,
  hint: string | undefined,
  recoverable: boolean,
): Outcome {
  return { kind: "failed", error: { code, message, hint, kind: "user", recoverable } };
}
