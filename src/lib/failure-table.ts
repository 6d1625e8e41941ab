/** What the answer of another program means, as a table: the first row that fits counts. */
import type { ErrorKind } from "../domain/errors.ts";

/** As much of it as there is. */
export interface Answer {
  /** Of HTTP. */
  readonly status?: number | undefined;
  readonly exitCode?: number | undefined;
  /** "ECONNREFUSED", and the names that libraries give in its place. */
  readonly errno?: string | undefined;
  readonly text?: string | undefined;
}

export interface FailureRow<Code extends string, Context> {
  /** One of these is enough. */
  readonly answers: {
    /** From and to, both included. */
    readonly status?: readonly [number, number];
    readonly exitCode?: number;
    readonly errno?: readonly string[];
    /** Only for what is told by nothing else. */
    readonly text?: RegExp;
  };
  /** Without it the row is good for all. */
  readonly when?: (context: Context) => boolean;
  readonly code: Code;
  /** Who can mend it. */
  readonly kind: ErrorKind;
  /** Whether the same again may succeed: at once, some time later, or not before something is changed. */
  readonly retry: "now" | "later" | "never";
  /** What happened, where the answer's own words do not say it. */
  readonly what?: (context: Context) => string;
  /** What to do about it; every row of a user's has one. */
  readonly hint?: (context: Context) => string;
  /** Who says so, and where it was seen. */
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
