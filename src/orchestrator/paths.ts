/** Where a run keeps what it writes. All URIs are object URIs; prefixes have no trailing slash. */
import type { AttemptKey } from "../domain/attempt.ts";
import type { ActionKey, ProjectKey, RunKey } from "../domain/ids.ts";
import type { RunRecord } from "../domain/run.ts";

export function runBaseUri(bucket: string, key: RunKey): string {
  return `s3://${bucket}/${key.project}/${key.domain}/runs/${key.run}`;
}

/** Inputs are uploaded before their run exists; the name is made of their content. */
export function offloadedInputsUri(bucket: string, key: ProjectKey, hash: string): string {
  return `s3://${bucket}/${key.project}/${key.domain}/inputs/${hash}/inputs.pb`;
}

export function uploadUri(bucket: string, key: ProjectKey, root: string, fileName: string): string {
  return `s3://${bucket}/${key.project}/${key.domain}/uploads/${root}/${fileName}`;
}

/**
 * `<run>/<action>/<attempt>`: the layout that the SDK falls back to when an error carries no details
 * (seen with flyte 2.12.1).
 */
export function attemptPrefix(baseUri: string, key: Pick<ActionKey, "action">, attempt: number): string {
  return `${baseUri}/${key.action}/${attempt}`;
}

const RESULTS = ["outputs.pb", "error.pb"];

/** The attempt whose result this is, by its key: see `runBaseUri` and `attemptPrefix`. */
export function attemptOfResult(key: string): AttemptKey | undefined {
  const [project, domain, runs, run, action, number, file, ...more] = key.split("/");
  const attempt = Number(number);
  if (runs !== "runs" || !RESULTS.includes(file ?? "") || more.length > 0) return undefined;
  if (!project || !domain || !run || !action || !Number.isInteger(attempt)) return undefined;
  return { project, domain, run, action, attempt };
}

/** Where an attempt puts what it offloads when the run names a place for it. */
export function rawDataPrefix(prefix: string, key: ActionKey, attempt: number): string {
  return `${runRawDataPrefix(prefix, key)}${key.action}/${attempt}`;
}

function runRawDataPrefix(prefix: string, key: RunKey): string {
  return `${prefix.replace(/\/+$/u, "")}/${key.run}/`;
}

/** Does the key lie in the part of the run's raw-data place that is the run's own? */
export function isRunRawDataKey(run: RunRecord, bucket: string, key: string): boolean {
  const prefix = run.settings.rawDataPrefix;
  return prefix !== undefined && `s3://${bucket}/${key}`.startsWith(runRawDataPrefix(prefix, run.key));
}
