/** What an image that cannot be resolved means for the attempt that needs it. */
import type { ActionError } from "../domain/action.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { Outcome } from "../domain/outcome/judge.ts";

/**
 * The codes that the SDK maps to ImagePullBackOffError and InvalidImageNameError (flyte 2.12.1,
 * convert_error_to_native); an image that is not there will not appear by trying again.
 */
export function imageOutcome(error: unknown, image: string): Outcome {
  if (!(error instanceof BoxkiteError)) throw error;
  const { message, hint, recoverable } = error;
  const user = (code: string): Outcome => {
    const failure: ActionError = { code, message, hint, kind: "user", recoverable: false };
    return { kind: "failed", error: failure };
  };
  switch (error.code) {
    case "IMAGE_REFERENCE_INVALID":
      return user("InvalidImageName");
    case "IMAGE_NOT_FOUND":
    case "IMAGE_UNAUTHORIZED":
    case "IMAGE_WRONG_PLATFORM":
    case "EGRESS_DENIED":
      return user("ImagePullBackOff");
    default: {
      const text = `image ${image}: ${message}`;
      return {
        kind: "lost",
        error: { code: error.code, message: text, hint, kind: "system", recoverable },
      };
    }
  }
}
