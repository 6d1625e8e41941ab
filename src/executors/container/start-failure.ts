/** From why a container could not be started to the exit of its attempt, with advice. */
import type { AttemptExit } from "../../domain/attempt.ts";
import {
  OUTPUT_FAILURES,
  programNamedIn,
  scriptNamedIn,
  START_FAILURES,
  type StartContext,
} from "../../containers/failures/start.ts";
import type { EngineResponseError } from "../../containers/http.ts";
import type { EngineName } from "../../containers/types.ts";
import { ownValue } from "../../domain/own-value.ts";
import { type Answer, findFailure } from "../../lib/failure-table.ts";
import type { AttemptSpec } from "../executor.ts";

/** What of an attempt is started. */
export type StartedSpec = Pick<AttemptSpec, "image" | "command" | "args" | "env">;

export interface StartFailureContext {
  readonly engine: EngineName;
  readonly spec: StartedSpec;
  /** Exit code that the engine noted for a container that never ran; 0 where it notes none. */
  readonly notedExitCode: number;
  /** `linux/arm64` of the image, where it is not the engine's own. */
  readonly foreignPlatform: string | undefined;
}

/** How much of the engine's text a message quotes. */
const QUOTED_CHARACTERS = 500;

export function startFailure(error: EngineResponseError, context: StartFailureContext): AttemptExit {
  const answer = { status: error.status, exitCode: context.notedExitCode, text: error.reason };
  return exitOf(START_FAILURES, answer, error.message, error.reason, context);
}

/** `line`: all that a container wrote. Undefined where that is output of its program. */
export function outputFailure(line: string, context: StartFailureContext): AttemptExit | undefined {
  const answer = { text: line };
  if (findFailure(OUTPUT_FAILURES, answer, startContext(line, context)) === undefined) return undefined;
  return exitOf(OUTPUT_FAILURES, answer, line, line, context);
}

function startContext(reason: string, { spec, engine, foreignPlatform }: StartFailureContext): StartContext {
  const named = spec.command[0];
  return {
    engine,
    program: named === undefined ? "its entrypoint" : `\`${named}\``,
    reason: reason.slice(0, QUOTED_CHARACTERS),
    script: scriptNamedIn(reason),
    largest: largestVariable(spec),
    foreignPlatform,
  };
}

function largestVariable({ env }: StartedSpec): StartContext["largest"] {
  const sizes = Object.entries(env ?? {}).map(([name, value]) => ({ name, bytes: Buffer.byteLength(value) }));
  return sizes.toSorted((a, b) => b.bytes - a.bytes)[0];
}

function exitOf(
  rows: typeof START_FAILURES,
  answer: Answer,
  message: string,
  reason: string,
  failed: StartFailureContext,
): AttemptExit {
  const { spec } = failed;
  const context = startContext(reason, failed);
  const row = findFailure(rows, answer, context);
  const exit = { outOfMemory: false, code: row?.code ?? "ENGINE_FAILED" } as const;
  if (row?.what === undefined) {
    const hint = row?.hint?.(context);
    return { ...exit, reason: "lost", message, ...(hint !== undefined && { hint }) };
  }
  const missing =
    row.code === "ENTRYPOINT_NOT_FOUND" && context.script === undefined
      ? missingProgram(reason, spec)
      : undefined;
  const described = missing === undefined ? context : { ...context, program: missing.program };
  const hint = missing?.hint ?? row.hint?.(described);
  return {
    ...exit,
    reason: row.retry === "never" ? "start_failed" : "lost",
    message: `image ${spec.image.reference} could not be started: ${row.what(described)}`,
    ...(hint !== undefined && { hint }),
  };
}

/** Which one is missing the OCI runtime knows best: it may be another one than the first of the command. */
function missingProgram(
  reason: string,
  { command, args }: StartedSpec,
): { readonly program: string; readonly hint?: string } {
  const name = programNamedIn(reason) ?? command[0] ?? args[0] ?? "the ENTRYPOINT";
  const hint = ownValue(INSTALL, name);
  return { program: `\`${name}\``, ...(hint !== undefined && { hint }) };
}

/** By runtime. */
const INSTALL: Readonly<Record<string, string>> = {
  a0: "is `flyte` installed in it, and is its directory of programs on PATH? In the Dockerfile: RUN pip install flyte, and ENV PATH=/path/to/venv/bin:$PATH",
  "a0-ts":
    "is `boxkite` installed in it, and is its directory of programs on PATH? In the Dockerfile: RUN npm install --global boxkite, or ENV PATH=/app/node_modules/.bin:$PATH",
};
