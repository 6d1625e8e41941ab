/** What a server may keep warm, as it is set; how much memory that is depends on the machine of the engine. */
import type { WarmStartSetting } from "../domain/warm-start.ts";
import type { WarmStartPolicy } from "../executors/workers/warm-start-policy.ts";

/** `share`: of the engine's memory, from 0 to 1. */
export type MemoryShare = { readonly share: number } | { readonly bytes: number };

export interface WarmStarts {
  readonly setting: WarmStartSetting;
  readonly memory: MemoryShare;
  readonly workers: number;
}

/** `memoryBytes`: of the machine of the engine. A server that starts images as black boxes keeps nothing warm. */
export function warmStartPolicy(
  { setting, memory, workers }: WarmStarts,
  { memoryBytes, strictImages }: { readonly memoryBytes: number; readonly strictImages: boolean },
): WarmStartPolicy {
  return {
    setting: strictImages ? "off" : setting,
    memoryBytes: "share" in memory ? Math.floor(memoryBytes * memory.share) : memory.bytes,
    workers,
  };
}
