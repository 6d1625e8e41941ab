/** Refusals speak the words of those who write tasks, and say what to do instead. */
import assert from "node:assert/strict";
import { BoxkiteError, textOf } from "../../src/domain/errors.ts";

/** What an author never wrote: names of the protocol's fields, and of its messages with a field. */
const PROTOCOL = /[a-z]\w*_\w+|\b[A-Z]\w+\.[a-z]/gu;

/** Of the Python SDK. */
const FUNCTIONS = /\bflyte(?:\.\w+)+/gu;

/** Options of the Python SDK that are written as fields are. */
const OPTIONS = new Set([
  "data_type",
  "env_vars",
  "force_rerun_actions",
  "group_version",
  "idle_ttl",
  "on_phase",
  "plugin_config",
  "pod_template",
  "produces_artifacts",
  "raw_data_path",
  "run_base_dir",
  "scaledown_ttl",
  "service_account",
  "timed_out",
]);

/** Fails for an error that names the protocol, or that has no hint. */
export function assertAuthorsWords(error: unknown): asserts error is BoxkiteError {
  assert.ok(error instanceof BoxkiteError, String(error));
  const text = textOf(error);
  assert.ok((error.hint ?? "").length > 5, `what to do instead: ${text}`);
  assert.deepEqual(namesOfProtocol(text), [], text);
}

export function namesOfProtocol(text: string): string[] {
  const rest = text.replaceAll(FUNCTIONS, "");
  return (rest.match(PROTOCOL) ?? []).filter((name) => !OPTIONS.has(name));
}
