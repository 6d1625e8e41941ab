/**
 * A contiguous part of a log file: its beginning, its end, or one between. Positions are bytes of the file, so nothing
 * has to count the lines before a part, and a part of a large log costs as little as one of a small log.
 */
import { open, type FileHandle } from "node:fs/promises";
import { orAbsent } from "../lib/errno.ts";
import { parseLine, type LogLine } from "./log-line.ts";

export interface PositionedLine extends LogLine {
  /** Where it begins, in bytes. */
  readonly at: number;
}

export interface LogPart {
  /** With none left out between them. */
  readonly lines: readonly PositionedLine[];
  /** The part before this one ends at `start`, the one after it begins at `end`. */
  readonly start: number;
  readonly end: number;
  /** No whole line came after it when it was read. */
  readonly isEnd: boolean;
  /** Bytes of the whole log. */
  readonly size: number;
}

/**
 * Which part: the first lines that begin at a position or after it, or the last ones that end at a position or before
 * it. `notBefore` must be where a line begins.
 */
export type LogRange = { readonly from: number } | { readonly until: number; readonly notBefore?: number };

/** The last lines there are. */
export const LOG_END = { until: Number.MAX_SAFE_INTEGER } as const satisfies LogRange;

/** The most lines of one part. */
export const PART_LINES = 1_000;
/** A part with a whole line has no more bytes than this and the rest of one line. */
export const PART_BYTES = 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;

/** Undefined where there is no such file. Reads what it returns and hardly more, however long the log is. */
export async function readPart(file: string, range: LogRange): Promise<LogPart | undefined> {
  const handle = await orAbsent(open(file));
  if (handle === undefined) return undefined;
  try {
    const { size } = await handle.stat();
    return "from" in range ? await partFrom(handle, range.from, size) : await partUntil(handle, range, size);
  } finally {
    await handle.close();
  }
}

async function partFrom(handle: FileHandle, wanted: number, size: number): Promise<LogPart> {
  const from = Math.min(wanted, size);
  // The byte before tells whether a line begins there.
  const begin = Math.max(0, from - 1);
  const feeds = from === 0 ? 0 : 1;
  let bytes: Buffer = Buffer.alloc(0);
  while (begin + bytes.length < size && !isEnough(bytes, feeds)) {
    const at = begin + bytes.length;
    const chunk = await read(handle, at, Math.min(size, at + CHUNK_BYTES));
    if (chunk.length === 0) break;
    bytes = Buffer.concat([bytes, chunk]);
  }
  const spans = spansOf(bytes, begin).slice(feeds);
  const kept = spans.slice(0, PART_LINES);
  const isEnd = begin + bytes.length === size && kept.length === spans.length;
  return partOf({ bytes, begin, kept, isEnd, size, at: from });
}

async function partUntil(
  handle: FileHandle,
  { until, notBefore = 0 }: { readonly until: number; readonly notBefore?: number },
  size: number,
): Promise<LogPart> {
  const last = Math.min(until, size);
  const first = Math.min(notBefore, last);
  let begin = last;
  let bytes: Buffer = Buffer.alloc(0);
  while (begin > first && !isEnough(bytes, 1)) {
    const from = Math.max(first, begin - CHUNK_BYTES);
    bytes = Buffer.concat([await read(handle, from, begin), bytes]);
    begin = from;
  }
  // What is before the first line feed is whole only where its beginning is known.
  const kept = spansOf(bytes, begin)
    .slice(begin === first ? 0 : 1)
    .slice(-PART_LINES);
  return partOf({ bytes, begin, kept, isEnd: last === size, size, at: last });
}

/** `extra`: line feeds that end no line of the part. */
function isEnough(bytes: Buffer, extra: number): boolean {
  let feeds = -extra;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) feeds++;
  return feeds >= PART_LINES || (feeds > 0 && bytes.length >= PART_BYTES);
}

interface Span {
  readonly at: number;
  readonly end: number;
}

/** The lines that end in these bytes; the first one may have begun before them. */
function spansOf(bytes: Buffer, begin: number): Span[] {
  const spans: Span[] = [];
  let from = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, from)) {
    spans.push({ at: begin + from, end: begin + at + 1 });
    from = at + 1;
  }
  return spans;
}

interface Found {
  readonly bytes: Buffer;
  /** Position of the first of these bytes. */
  readonly begin: number;
  readonly kept: readonly Span[];
  readonly isEnd: boolean;
  readonly size: number;
  /** Where the part is if no line is whole. */
  readonly at: number;
}

function partOf({ bytes, begin, kept, isEnd, size, at }: Found): LogPart {
  const lines = kept.flatMap((span) => {
    const line = parseLine(bytes.toString("utf8", span.at - begin, span.end - begin - 1));
    return line === undefined ? [] : [{ ...line, at: span.at }];
  });
  return { lines, start: kept[0]?.at ?? at, end: kept.at(-1)?.end ?? at, isEnd, size };
}

async function read(handle: FileHandle, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.alloc(to - from);
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, from);
  return bytes.subarray(0, bytesRead);
}
