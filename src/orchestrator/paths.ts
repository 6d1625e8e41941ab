/** Where a run keeps what it writes. All URIs are object URIs; prefixes have no trailing slash. */
import { RESULT_FILES } from "../domain/outputs.ts";
import type { AttemptKey } from "../domain/attempt.ts";
import type { ActionKey, ProjectKey, RunKey } from "../domain/ids.ts";

const RUNS = "runs";
const UPLOADS = "uploads";
const INPUTS = "inputs";
/** The folders of a project and domain that the server has filled. */
export const SERVER_FOLDERS: readonly string[] = [RUNS, UPLOADS, INPUTS];

/** Of what is uploaded to folders that clients name, apart from what is named by its content. */
export const NAMED_UPLOADS = "named";

export function runBaseUri(bucket: string, key: RunKey): string {
  return `s3://${bucket}/${key.project}/${key.domain}/${RUNS}/${key.run}`;
}

/** Inputs are uploaded before their run exists; the name is made of their content. */
export function offloadedInputsUri(bucket: string, key: ProjectKey, hash: string): string {
  return `s3://${bucket}/${key.project}/${key.domain}/${INPUTS}/${hash}/inputs.pb`;
}

export function uploadUri(bucket: string, key: ProjectKey, folder: string, fileName: string): string {
  return `s3://${bucket}/${key.project}/${key.domain}/${UPLOADS}/${folder}/${fileName}`;
}

/**
 * `<run>/<action>/<attempt>`: the layout that the SDK falls back to when an error carries no details
 * (seen with flyte 2.12.1).
 */
export function attemptPrefix(baseUri: string, key: Pick<ActionKey, "action">, attempt: number): string {
  return `${baseUri}/${key.action}/${attempt}`;
}

const RESULTS: readonly string[] = RESULT_FILES;

/** The attempt whose result has this key, by the layout of `runBaseUri` and `attemptPrefix`. */
export function attemptOfResult(key: string): AttemptKey | undefined {
  const [project, domain, runs, run, action, number, file, ...more] = key.split("/");
  const attempt = Number(number);
  if (runs !== RUNS || !RESULTS.includes(file ?? "") || more.length > 0) return undefined;
  if (!project || !domain || !run || !action || !Number.isInteger(attempt)) return undefined;
  return { project, domain, run, action, attempt };
}

/** Where an attempt offloads data when the run names a prefix for it. */
export function rawDataPrefix(prefix: string, key: ActionKey, attempt: number): string {
  return `${prefix}/${RUNS}/${key.run}/${key.action}/${attempt}`;
}

export interface RunFolder {
  readonly run: RunKey;
  /** The key of the folder in which the runs are, without a slash at its end. */
  readonly parent: string;
}

/**
 * The run that a key or a prefix lies in, by `<project>/<domain>/…/runs/<run>/…`. The first `runs` counts, and no prefix
 * for raw data has such a segment, so a key lies in one run at most. Whether that run has the folder is in its record.
 */
export function runFolderOf(key: string): RunFolder | undefined {
  const segments = key.split("/");
  const at = segments.indexOf(RUNS, 2);
  const [project, domain] = segments;
  const run = segments[at + 1];
  if (at === -1 || !project || !domain || !run || segments.length < at + 3) return undefined;
  return { run: { project, domain, run }, parent: segments.slice(0, at).join("/") };
}
