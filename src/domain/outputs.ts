import type { ActionKind } from "./action.ts";

/** What an attempt leaves under its prefix: the one or the other. */
export const OUTPUTS_FILE = "outputs.pb";
export const ERROR_FILE = "error.pb";
export const RESULT_FILES = [OUTPUTS_FILE, ERROR_FILE] as const;
export type ResultFile = (typeof RESULT_FILES)[number];

/**
 * The URI of an action's outputs: a task's are a file under the prefix that its output URI names, a
 * trace's are at that very URI (seen with flyte 2.12.1). Empty or undefined as the output URI is.
 */
export function outputsUri<U extends string | undefined>(kind: ActionKind, outputUri: U): string | U {
  return outputUri && kind !== "trace" ? `${outputUri.replace(/\/+$/, "")}/${OUTPUTS_FILE}` : outputUri;
}
