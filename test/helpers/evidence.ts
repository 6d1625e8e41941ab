/** Evidence of an attempt for tests of how it is judged. */
import type { ActionError } from "../../src/domain/action.ts";
import type { AttemptExit } from "../../src/domain/attempt.ts";
import type { Evidence, Program, Written } from "../../src/domain/outcome/evidence.ts";
import { judge } from "../../src/domain/outcome/judge.ts";

/** Nothing is known of it. */
export const NO_PROGRAM: Program = {
  language: undefined,
  code: "baked",
  command: undefined,
  module: undefined,
  entity: undefined,
  inputs: [],
  memoryLimitBytes: undefined,
};

export const TEAM = { reference: "registry.example.com/team:1", source: "registry" } as const;
export const HOST = { reference: "auto", source: "host" } as const;
export const PYTHON: Program = {
  ...NO_PROGRAM,
  language: "python",
  code: "sent",
  command: "a0",
  module: "flow",
  entity: "main",
  inputs: ["a", "extra"],
};
export const TYPESCRIPT: Program = { ...PYTHON, language: "typescript", command: "a0-ts", module: "flow.ts" };

export type MoreEvidence = Partial<Omit<Evidence, "exit">> & { readonly exit?: Partial<AttemptExit> };

export function exitOf(exitCode: number | undefined, more: Partial<AttemptExit> = {}): AttemptExit {
  return { reason: "exited", outOfMemory: false, ...(exitCode !== undefined && { exitCode }), ...more };
}

/** A program that wrote nothing and ended with this code. */
export function evidenceOf(exitCode: number | undefined, more: MoreEvidence = {}): Evidence {
  return {
    written: { kind: "nothing" },
    image: TEAM,
    program: PYTHON,
    hasBegun: undefined,
    log: [],
    uploadRefused: undefined,
    ...more,
    exit: exitOf(exitCode, more.exit),
  };
}

export function errorWritten(
  code: string,
  message: string,
  whileLoading: boolean,
): Extract<Written, { kind: "error" }> {
  return {
    kind: "error",
    whileLoading,
    error: { code, message, kind: "user", recoverable: true },
  };
}

/** The error of an attempt that is judged to have failed. */
export function failureOf(evidence: Evidence): ActionError {
  const outcome = judge(evidence);
  if (outcome.kind !== "failed") throw new Error(`it is judged ${outcome.kind}`);
  return outcome.error;
}
