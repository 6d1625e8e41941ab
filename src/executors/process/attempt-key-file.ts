/** The file in an attempt's directory that says whose it is. */
import { readFile } from "node:fs/promises";
import type { AttemptKey } from "../../domain/attempt.ts";
import type { Logger } from "../../lib/log.ts";

/** Undefined if there is none, and for a damaged one, which is told. */
export async function readAttemptKey(file: string, log: Logger): Promise<AttemptKey | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const key = parse(text);
  if (key === undefined) {
    log.warn("the journal of an attempt is damaged and passed over", {
      file,
      hint: "its process may still run: the file pid beside it has the number; remove the directory when it has ended",
    });
  }
  return key;
}

function parse(text: string): AttemptKey | undefined {
  try {
    const key = JSON.parse(text) as Partial<AttemptKey>;
    const names = [key.project, key.domain, key.run, key.action];
    const isWhole = typeof key.attempt === "number" && names.every((name) => typeof name === "string");
    return isWhole ? (key as AttemptKey) : undefined;
  } catch {
    return undefined;
  }
}
