/** Errors of the stock SDK that do not say what to do, or blame the wrong side (seen with flyte 2.12.1). */
import type { BlameKind } from "../domain/action.ts";

interface SdkError {
  readonly code: string;
  /** Where the code alone does not tell. */
  readonly text?: RegExp;
  readonly kind?: BlameKind;
  readonly hint?: string;
  /** In the SDK. */
  readonly source: string;
}

const SDK_ERRORS: readonly SdkError[] = [
  {
    code: "InlineIOMaxBytesBreached",
    hint: "this limit is the SDK's: max_inline_io_bytes= of the task that gets or returns the value, 10 MiB unless set, at most 64 MiB; or pass the value as a File, Dir or DataFrame (flyte.io)",
    source: "flyte/errors.py",
  },
  {
    // The server refused a child for what its author wrote; the SDK takes every refusal for the system's failure.
    code: "RuntimeSystemError",
    text: /Action launch failed \((?:INVALID_ARGUMENT|NOT_FOUND)\): /u,
    kind: "user",
    source: "flyte/_internal/controllers/remote/_core.py",
  },
];

/** What is known of an error of this code and message. */
export function knownSdkError(code: string, message: string): Pick<SdkError, "kind" | "hint"> {
  return SDK_ERRORS.find((row) => row.code === code && (row.text?.test(message) ?? true)) ?? {};
}
