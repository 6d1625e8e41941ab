/** What to say of memory that ran out. */
import type { MemoryKill } from "../attempt.ts";
import type { Facts } from "./facts.ts";

/** How to ask for more, in the words of the task's SDK. */
export function moreMemory({ program }: Pick<Facts, "program">): string {
  return program.language === "typescript"
    ? 'raise it: resources: { memory: "4Gi" } in the task\'s environment, or ["1Gi", "4Gi"], request and limit'
    : 'raise it: resources=flyte.Resources(memory="4Gi") on the task\'s environment, or memory=("1Gi", "4Gi"), request and limit';
}

/** ` of 500 MiB`, or nothing where it is not known. */
export function limitText({ program: { memoryLimitBytes } }: Pick<Facts, "program">): string {
  return memoryLimitBytes === undefined ? "" : ` of ${bytesText(memoryLimitBytes)}`;
}

/** `python3 (447 MiB)`; undefined where nobody knows which process it was. */
export function killedText(kills: readonly MemoryKill[]): string | undefined {
  const texts = kills.map(({ process, bytes }) =>
    bytes === undefined ? process : `${process} (${bytesText(bytes)})`,
  );
  return texts.length === 0 ? undefined : [...new Set(texts)].slice(0, 3).join(", ");
}

const MEBIBYTE = 1024 * 1024;

export function bytesText(bytes: number): string {
  const gibibytes = bytes / (1024 * MEBIBYTE);
  return gibibytes >= 1 && Number.isInteger(gibibytes * 10)
    ? `${gibibytes} GiB`
    : `${Math.round(bytes / MEBIBYTE)} MiB`;
}
