/** The end of a log while it grows. */
import type { Clock } from "../lib/clock.ts";
import type { LogFileWriter } from "./log-file-writer.ts";
import { LOG_END, readPart, type LogPart } from "./log-part.ts";
import { logTurns, type FollowOptions } from "./log-turns.ts";

/**
 * The lines after a position, and then those that are written later. Where a turn would bring more than a part has, it
 * brings the last part: then `start` of the part is not where the one before it ended.
 */
export async function* followEnd(
  file: string,
  writer: () => LogFileWriter | undefined,
  after: number,
  options: FollowOptions,
  clock: Clock,
): AsyncIterable<LogPart> {
  let notBefore = after;
  for await (const _ of logTurns(writer, options, clock)) {
    const part = await readPart(file, { ...LOG_END, notBefore });
    if (part === undefined || part.end <= notBefore) continue;
    notBefore = part.end;
    yield part;
  }
}
