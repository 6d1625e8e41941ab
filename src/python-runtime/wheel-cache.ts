/** Wheels on disk, by their SHA-256: variants share the ones without native code, and a fetch that broke off goes on. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { orAbsent } from "../lib/errno.ts";
import type { FetchWheel } from "./fetch-wheel.ts";

/** Several processes may use one directory. */
export function cachedWheels(directory: string, fetchWheel: FetchWheel): FetchWheel {
  return async (wheel, signal) => {
    const path = join(directory, `${wheel.sha256}.whl`);
    const kept = await orAbsent(readFile(path));
    if (kept !== undefined && createHash("sha256").update(kept).digest("hex") === wheel.sha256) return kept;
    const content = await fetchWheel(wheel, signal);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const partial = `${path}.${randomBytes(6).toString("hex")}.part`;
    try {
      await writeFile(partial, content);
      await rename(partial, path);
    } finally {
      await rm(partial, { force: true });
    }
    return content;
  };
}
