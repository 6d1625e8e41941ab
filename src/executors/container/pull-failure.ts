/** An image that did not come: whose fault that is. */
import type { AttemptExit } from "../../domain/attempt.ts";
import { BoxkiteError, messageOf } from "../../domain/errors.ts";
import type { AttemptSpec } from "../executor.ts";

/** `reason` unless given: what the user has to mend would fail again, anything else may go better. */
export function pullFailure(spec: AttemptSpec, error: unknown, reason = reasonOf(error)): AttemptExit {
  const hint = error instanceof BoxkiteError ? error.hint : undefined;
  return {
    reason,
    outOfMemory: false,
    // The name under which the SDK knows this failure.
    code: "ImagePullBackOff",
    message: `image ${spec.image.reference} could not be pulled: ${messageOf(error)}`,
    ...(hint !== undefined && { hint }),
  };
}

function reasonOf(error: unknown): "start_failed" | "lost" {
  return error instanceof BoxkiteError && error.kind === "user" ? "start_failed" : "lost";
}
