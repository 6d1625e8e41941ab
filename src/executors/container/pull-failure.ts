/** What an image that cannot be pulled means for its attempt. */
import type { AttemptExit } from "../../domain/attempt.ts";
import { BoxkiteError, messageOf } from "../../domain/errors.ts";
import type { AttemptSpec } from "../executor.ts";

/** @default reason `start_failed` where the user has to change something, since it would fail again; else `lost` */
export function pullFailure(spec: AttemptSpec, error: unknown, reason = reasonOf(error)): AttemptExit {
  const { hint, recoverable } = error instanceof BoxkiteError ? error : {};
  return {
    reason,
    outOfMemory: false,
    // The name under which the SDK knows this failure.
    code: "ImagePullBackOff",
    message: `image ${spec.image.reference} could not be pulled: ${messageOf(error)}`,
    ...(hint !== undefined && { hint }),
    ...(recoverable !== undefined && { recoverable }),
  };
}

function reasonOf(error: unknown): "start_failed" | "lost" {
  return error instanceof BoxkiteError && error.kind === "user" ? "start_failed" : "lost";
}
