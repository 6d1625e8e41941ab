/** What it means for an attempt that its start could not be adapted to its image. */
import type { AttemptExit } from "../../domain/attempt.ts";
import type { BoxkiteError } from "../../domain/errors.ts";

/** `start_failed` where the user has to change something, since it would fail again. */
export function adaptFailure({ code, kind, message, hint, recoverable }: BoxkiteError): AttemptExit {
  return {
    reason: kind === "user" ? "start_failed" : "lost",
    outOfMemory: false,
    code,
    message,
    ...(hint !== undefined && { hint }),
    recoverable,
  };
}
