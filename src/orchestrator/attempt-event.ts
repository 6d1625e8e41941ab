/** From the outcome of an attempt to the event of its action. */
import type { ActionError } from "../domain/action.ts";
import { messageOf } from "../domain/errors.ts";
import type { Outcome } from "../domain/outcome/judge.ts";
import { shorten } from "../domain/text.ts";
import type { ActionEvent } from "../domain/transition.ts";

/** `outputUri`: the prefix under which its outputs are, if it has any; `isRunning`: its process still goes on. */
export function eventOf(outcome: Outcome, attempt: number, outputUri = "", isRunning = false): ActionEvent {
  switch (outcome.kind) {
    case "succeeded":
      return { type: "attemptSucceeded", attempt, outputUri };
    case "failed":
      return { type: "attemptFailed", attempt, error: shortened(outcome.error), isRunning };
    case "lost":
      return { type: "attemptLost", attempt, error: shortened(outcome.error), isRunning };
    case "preempted":
      return { type: "attemptPreempted", attempt, reason: outcome.reason };
    case "parked":
      return { type: "attemptParked", attempt, reason: outcome.reason };
  }
}

export function shortened(error: ActionError): ActionError {
  return { ...error, message: shorten(error.message) };
}

/** An attempt that could not be started or watched. */
export function lostBy(error: unknown): Outcome {
  const message = messageOf(error);
  return { kind: "lost", error: { code: "Interrupted", message, kind: "system", recoverable: true } };
}
