/** Where a run keeps what it writes. All URIs are object URIs; prefixes have no trailing slash. */
import { ERROR_FILE, OUTPUTS_FILE } from "../domain/outputs.ts";
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

export function uploadUri(bucket: string, key: ProjectKey, folder: string, fileName: string): string {
  return `s3://${bucket}/${key.project}/${key.domain}/uploads/${folder}/${fileName}`;
}

/**
 * `<run>/<action>/<attempt>`: the layout that the SDK falls back to when an error carries no details
 * (seen with flyte 2.12.1).
 */
export function attemptPrefix(baseUri: string, key: Pick<ActionKey, "action">, attempt: number): string {
  return `${baseUri}/${key.action}/${attempt}`;
}

const RESULTS = [OUTPUTS_FILE, ERROR_FILE];

/** The attempt whose result has this key, by the layout of `runBaseUri` and `attemptPrefix`. */
export function attemptOfResult(key: string): AttemptKey | undefined {
  const [project, domain, runs, run, action, number, file, ...more] = key.split("/");
  const attempt = Number(number);
  if (runs !== "runs" || !RESULTS.includes(file ?? "") || more.length > 0) return undefined;
  if (!project || !domain || !run || !action || !Number.isInteger(attempt)) return undefined;
  return { project, domain, run, action, attempt };
}

/** Where an attempt offloads data when the run names a prefix for it. */
export function rawDataPrefix(prefix: string, key: ActionKey, attempt: number): string {
  return `${runRawDataPrefix(prefix, key)}${key.action}/${attempt}`;
}

function runRawDataPrefix(prefix: string, key: RunKey): string {
  return `${prefix.replace(/\/+$/u, "")}/${key.run}/`;
}

/** Is the key below the run's own part of its raw-data prefix? */
export function isRunRawDataKey(run: RunRecord, bucket: string, key: string): boolean {
  const prefix = run.settings.rawDataPrefix;
  return prefix !== undefined && `s3://${bucket}/${key}`.startsWith(runRawDataPrefix(prefix, run.key));
}
