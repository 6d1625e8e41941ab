/** Which wheels make up the runtime of each variant. The files are made by scripts/lock-runtimes.ts. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { variantName, VARIANTS, type Variant } from "../domain/python-variant.ts";
import { once } from "../lib/once.ts";

export interface LockedWheel {
  /** Normalized, as in the index: https://packaging.python.org/en/latest/specifications/name-normalization/ */
  readonly name: string;
  readonly version: string;
  readonly file: string;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

export interface Lock extends Variant {
  readonly flyte: string;
  /** The oldest libc that the wheels run with, such as "2.17". */
  readonly minimumLibc: string;
  readonly wheels: readonly LockedWheel[];
}

export const LOCK_DIRECTORY = join(import.meta.dirname, "locks");

/** By the name of the variant. They do not change while this process runs. */
const LOCKS: ReadonlyMap<string, () => Promise<Lock>> = new Map(
  VARIANTS.map(variantName).map((name) => [
    name,
    once(async () => JSON.parse(await readFile(join(LOCK_DIRECTORY, `${name}.json`), "utf8")) as Lock),
  ]),
);

export async function readLock(variant: Variant): Promise<Lock> {
  const name = variantName(variant);
  const read = LOCKS.get(name);
  if (read === undefined) throw new Error(`there is no lock for ${name}`);
  return await read();
}

/** Changes with every wheel, so that a runtime of an earlier lock is never taken for one of this. */
export function lockHash({ wheels }: Lock): string {
  const hashes = wheels.map(({ sha256 }) => sha256).toSorted();
  return createHash("sha256").update(hashes.join("\n")).digest("hex").slice(0, 12);
}
