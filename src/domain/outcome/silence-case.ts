/** One case of a program that ended without outputs or an error. */
import type { ActionCode } from "../action-codes.ts";
import type { Facts } from "./facts.ts";

export interface Verdict {
  readonly code: ActionCode;
  readonly message: string;
  readonly hint: string;
  /** Another attempt may end otherwise. */
  readonly recoverable: boolean;
}

export interface SilenceCase {
  readonly name: string;
  /** Undefined where the case does not apply. */
  readonly verdict: (facts: Facts) => Verdict | undefined;
}

export const UNWRITTEN = "before it could write a result";

export function codeText({ exit }: Facts): string {
  return String(exit.exitCode ?? "unknown");
}

/** `; its log ends with: "…"`, or nothing where it wrote nothing. */
export function lastWords({ lastLine }: Facts): string {
  return lastLine === "" ? "" : `; its log ends with: "${lastLine}"`;
}
