import { readFileSync } from "node:fs";

/** Bytes that programs of this machine can still get without swapping; undefined where that is not known. */
export function availableMemory(): number | undefined {
  try {
    return parseAvailable(readFileSync("/proc/meminfo", "latin1"));
  } catch {
    // Not Linux.
    return undefined;
  }
}

/** `text`: of /proc/meminfo. */
export function parseAvailable(text: string): number | undefined {
  const [, kibibytes] = /^MemAvailable:\s+(\d+) kB$/mu.exec(text) ?? [];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}
