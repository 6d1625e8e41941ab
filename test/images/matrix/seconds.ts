/** How long a user waits for the first check of each kind, as it was measured last: the column of the table that varies. */
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

const FILE = join(import.meta.dirname, "seconds.json");

export function readSeconds(): Readonly<Record<string, number>> {
  return JSON.parse(readFileSync(FILE, "utf8")) as Record<string, number>;
}

export async function writeSeconds(checks: ReadonlyMap<string, { readonly seconds: number }>): Promise<void> {
  const rounded = [...checks].map(([name, { seconds }]) => [name, Math.round(seconds * 10) / 10] as const);
  await writeFile(FILE, `${JSON.stringify(Object.fromEntries(rounded), undefined, 2)}\n`);
}
