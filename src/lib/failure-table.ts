/** Tables that classify the answers of other programs; the first matching row is used. */
import type { ErrorKind } from "../domain/errors.ts";

/** An answer, as far as it is known. */
export interface Answer {
  /** The HTTP status. */
  readonly status?: number | undefined;
  readonly exitCode?: number | undefined;
  /** "ECONNREFUSED", or a library's own name for such an error. */
  readonly errno?: string | undefined;
  readonly text?: string | undefined;
}

export interface FailureRow<Code extends string, Context> {
  /** The row matches if one of these does. */
  readonly answers: {
    /** From and to, inclusive. */
    readonly status?: readonly [number, number];
    readonly exitCode?: number;
    readonly errno?: readonly string[];
    /** Only for what can be recognized by nothing else. */
    readonly text?: RegExp;
  };
  /** An additional condition. */
  readonly when?: (context: Context) => boolean;
  readonly code: Code;
  /** Who can fix it. */
  readonly kind: ErrorKind;
  /** Whether a repetition may succeed: at once, later, or not before something is changed. */
  readonly retry: "now" | "later" | "never";
  /** What happened, if the answer itself does not explain it. */
  readonly what?: (context: Context) => string;
  /** What to do about it; every row of kind user has one. */
  readonly hint?: (context: Context) => string;
  /** Where the answer is documented or was observed. */
  readonly source: string;
}

export function findFailure<Code extends string, Context>(
  rows: readonly FailureRow<Code, Context>[],
  answer: Answer,
  context: Context,
): FailureRow<Code, Context> | undefined {
  return rows.find((row) => fits(row.answers, answer) && (row.when?.(context) ?? true));
}

function fits(
  { status, exitCode, errno, text }: FailureRow<string, unknown>["answers"],
  answer: Answer,
): boolean {
  return (
    (status !== undefined &&
      answer.status !== undefined &&
      status[0] <= answer.status &&
      answer.status <= status[1]) ||
    (exitCode !== undefined && answer.exitCode === exitCode) ||
    (errno !== undefined && answer.errno !== undefined && errno.includes(answer.errno)) ||
    (text !== undefined && answer.text !== undefined && text.test(answer.text))
  );
}
