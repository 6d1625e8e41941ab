/** Reads the audit log line by line, day after day, and goes on with what is added where asked. */
import { open, readdir, type FileHandle } from "node:fs/promises";
import type { TimeMs } from "../domain/action.ts";
import type { Clock } from "../lib/clock.ts";
import { errnoOf } from "../lib/errno.ts";
import { DAY_MS, dayOf, dayOfFile, fileOfDay } from "./day-file.ts";
import type { AuditLine } from "./entry.ts";

export interface ReadOptions {
  /** @default from the first */
  readonly since?: TimeMs | undefined;
  /** @default up to the last */
  readonly until?: TimeMs | undefined;
  /** Waits for further lines, until it aborts or none can come that is before `until`. */
  readonly follow?: { readonly clock: Clock; readonly signal: AbortSignal } | undefined;
  /** Called for each line that is none of the log's, as a crash or an edit leaves it. */
  readonly onDamaged: (file: string, line: number) => void;
}

export interface ReadLine {
  /** As it is in the file. */
  readonly text: string;
  readonly line: AuditLine;
}

const CHUNK_BYTES = 64 * 1024;
/** No line of ours is as long. */
const MAX_LINE_BYTES = 1024 * 1024;
const LOOK_EVERY_MS = 500;

/** In the order in which they were written. A directory without any day has none. */
export async function* readAuditLines(directory: string, options: ReadOptions): AsyncGenerator<ReadLine> {
  const { since = -Infinity, until = Infinity, follow } = options;
  let last: string | undefined;
  while (true) {
    const day = (await daysOf(directory)).find((each) => isWanted(each, last, options));
    if (day === undefined) {
      if (follow === undefined || isOver(follow, until) || !(await waited(follow))) return;
      continue;
    }
    for await (const { text, number } of linesOf(directory, day, options)) {
      if (text === "") continue;
      const line = parsed(text);
      if (line === undefined) options.onDamaged(fileOfDay(directory, day), number);
      else if (isBetween(Date.parse(line.time), since, until)) yield { text, line };
    }
    last = day;
    if (follow?.signal.aborted === true) return;
  }
}

function isBetween(at: number, since: number, until: number): boolean {
  return at >= since && at < until;
}

/** A line may be in the file of the day after its own: it is written a moment later. */
function isWanted(day: string, last: string | undefined, { since, until }: ReadOptions): boolean {
  const start = Date.parse(day);
  if (last !== undefined && day <= last) return false;
  return (since === undefined || start + DAY_MS > since) && (until === undefined || start - DAY_MS < until);
}

async function daysOf(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory);
    return names
      .map(dayOfFile)
      .filter((day) => day !== undefined)
      .toSorted();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

async function* linesOf(
  directory: string,
  day: string,
  options: ReadOptions,
): AsyncGenerator<{ readonly text: string; readonly number: number }> {
  const path = fileOfDay(directory, day);
  const file = await open(path, "r");
  try {
    let rest: Buffer = Buffer.alloc(0);
    let number = 0;
    for await (const chunk of chunksOf(file, options, directory, day)) {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let from = 0;
      for (let to = rest.indexOf(10); to >= 0; to = rest.indexOf(10, from)) {
        yield { text: rest.toString("utf8", from, to), number: ++number };
        from = to + 1;
      }
      rest = rest.length - from > MAX_LINE_BYTES ? Buffer.alloc(0) : rest.subarray(from);
    }
    if (rest.length > 0) options.onDamaged(path, number + 1);
  } finally {
    await file.close();
  }
}

/** Up to the end of the file; while it is the newest, and where asked, also what is added. */
async function* chunksOf(
  file: FileHandle,
  { follow, until = Infinity }: ReadOptions,
  directory: string,
  day: string,
): AsyncGenerator<Buffer> {
  let isPast = follow === undefined;
  while (true) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, null);
    if (bytesRead > 0) {
      yield buffer.subarray(0, bytesRead);
      continue;
    }
    if (isPast || follow === undefined) return;
    // Once there is a newer day, or no line is wanted any more, one more read finds what came before.
    const hasNewer = dayOf(follow.clock.now()) > day && (await daysOf(directory)).some((each) => each > day);
    isPast = hasNewer || isOver(follow, until);
    if (!isPast && !(await waited(follow))) return;
  }
}

/** A line is written a moment after its own time. */
const MAX_DELAY_MS = 5_000;

function isOver({ clock }: NonNullable<ReadOptions["follow"]>, until: TimeMs): boolean {
  return clock.now() >= until + MAX_DELAY_MS;
}

async function waited({ clock, signal }: NonNullable<ReadOptions["follow"]>): Promise<boolean> {
  await clock.sleep(LOOK_EVERY_MS, { signal }).catch(() => {});
  return !signal.aborted;
}

function parsed(text: string): AuditLine | undefined {
  try {
    const line: unknown = JSON.parse(text);
    const isLine = typeof line === "object" && line !== null && "time" in line && "call" in line;
    return isLine ? (line as AuditLine) : undefined;
  } catch {
    return undefined;
  }
}
