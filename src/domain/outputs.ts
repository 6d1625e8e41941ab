import type { ActionKind } from "./action.ts";

/** Under an attempt's prefix. */
export const OUTPUTS_FILE = "outputs.pb";

/**
 * The URI of an action's outputs: a task's are a file under the prefix that its output URI names, a
 * trace's are at that very URI (seen with flyte 2.12.1). Empty or undefined as the output URI is.
 */
export function outputsUri<U extends string | undefined>(kind: ActionKind, outputUri: U): string | U {
  return outputUri && kind !== "trace" ? `${outputUri.replace(/\/+$/, "")}/${OUTPUTS_FILE}` : outputUri;
}
