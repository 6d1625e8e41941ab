/** Headers that carry what Connect's errors have no field for: our client makes a BoxkiteError of them again. */
export const CODE_HEADER = "boxkite-error-code";
/** UTF-8, percent-encoded as by encodeURIComponent. The message ends with the hint all the same, for other clients. */
export const HINT_HEADER = "boxkite-error-hint";
