/** Whether an attempt's log exists, and can be read. */
import type { AttemptKey } from "../domain/attempt.ts";
import { messageOf } from "../domain/errors.ts";
import type { Logger } from "../lib/log.ts";
import { LOG_END, type AttemptLogs, type LogPart, type LogRange } from "../logs/attempt-logs.ts";

export type LogStatus =
  | { readonly kind: "absent" }
  | { readonly kind: "empty" }
  | { readonly kind: "written"; readonly bytes: number }
  | Unreadable;

export interface Unreadable {
  readonly kind: "unreadable";
  readonly reason: string;
}

/** Which attempt's log is shown, 0 before the first, and what there is of it. */
export interface ShownLog {
  readonly attempt: number;
  readonly status: LogStatus;
}

interface LogStatusContext {
  readonly logs: Pick<AttemptLogs, "readPart">;
  readonly log: Logger;
}

export async function readLogStatus({ logs, log }: LogStatusContext, key: AttemptKey): Promise<LogStatus> {
  try {
    // One byte shows whether it can be read.
    const part = await logs.readPart(key, { until: 1 });
    if (part === undefined) return { kind: "absent" };
    return part.size === 0 ? { kind: "empty" } : { kind: "written", bytes: part.size };
  } catch (error) {
    return unreadable(log, key, error);
  }
}

/** Reports it in the server's log, too. */
export function unreadable(log: Logger, key: AttemptKey, error: unknown): Unreadable {
  log.warn("a log could not be read", { ...key, error });
  return { kind: "unreadable", reason: messageOf(error) };
}

/** The part that a page shows. A status is set only where it could not be read after all. */
export async function readShownLog(
  { logs, log }: LogStatusContext,
  key: AttemptKey,
  range: LogRange,
): Promise<{ readonly part: LogPart | undefined; readonly status?: LogStatus }> {
  try {
    const part = await logs.readPart(key, range);
    // A position after the last line has nothing to show.
    const isAfter = part !== undefined && part.lines.length === 0 && part.size > 0;
    return { part: isAfter && range !== LOG_END ? await logs.readPart(key, LOG_END) : part };
  } catch (error) {
    return { part: undefined, status: unreadable(log, key, error) };
  }
}
