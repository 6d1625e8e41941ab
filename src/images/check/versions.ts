/** Versions of the programs in an image, and which of them can run tasks of this server. */

/** Of the SDK that this server is tested with; what a line that mends something installs. */
export const TESTED_FLYTE = "2.12.1";
/**
 * Before it the SDK speaks gRPC and drops the path of its endpoint, by which an attempt proves whose it is. Tried with 2.1.9
 * (and connectrpc 0.9): a run with a child.
 */
const FIRST_FLYTE = [2, 1] as const;
/** SDKs from it on start tasks with `--run-start-time`, which earlier ones refuse. */
export const FLYTE_WITH_START_TIME = "2.3.6";
/** Of flyte: `Requires-Python`. */
export const FIRST_PYTHON = "3.10";
/** Of the package boxkite: `engines` in its package.json. */
export const FIRST_NODE = "24";

/** Whether `flyte` of this version can call this server. */
export function speaksToServer(flyte: string): boolean {
  return isAtLeast(flyte, FIRST_FLYTE.join("."));
}

/** By the numbers in front; what follows, such as `rc1`, does not count. */
export function isAtLeast(version: string, least: string): boolean {
  const [have, want] = [numbersOf(version), numbersOf(least)];
  for (const [index, number] of want.entries()) {
    const other = have[index] ?? 0;
    if (other !== number) return other > number;
  }
  return true;
}

function numbersOf(version: string): number[] {
  return (/^\d+(?:\.\d+)*/u.exec(version)?.[0] ?? "0").split(".").map(Number);
}
