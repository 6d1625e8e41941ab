/**
 * Writes the audit log. What cannot be written is kept and tried again; until that succeeds, calls that need an entry are
 * refused.
 */
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import type { Clock } from "../lib/clock.ts";
import { errnoOf } from "../lib/errno.ts";
import type { Logger } from "../lib/log.ts";
import { createAuditDirectory, dayOf, openDayFile, type DayFile, type OpenDayFile } from "./day-file.ts";
import { lineOf, type AuditEntry } from "./entry.ts";
import { UnwrittenLines } from "./unwritten-lines.ts";

export interface AuditLog {
  /**
   * Then the entry is in the file: it outlives this process, and about a second later the machine. Throws DISK_FULL or
   * DATA_DIRECTORY_UNUSABLE.
   */
  write(entry: AuditEntry): void;
  /** Throws what `write` would throw now, if that is known. */
  requireWritable(): void;
  /** As `requireWritable`, and finds out whether the file is still there. */
  check(): void;
  /** Calls back when the log is about to close, for what is yet to be written. */
  beforeClose(callback: () => void): void;
  close(): Promise<void>;
}

export interface AuditLogOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Replaced by tests. */
  readonly openFile?: OpenDayFile;
}

const SYNC_EVERY_MS = 1_000;
const RETRY_EVERY_MS = 1_000;
/**
 * Kept of what cannot be written: of calls that were under way when it began to fail. Later ones are refused before they begin,
 * or are denied: of those nothing is kept, for anybody can make them.
 */
const MAX_UNWRITTEN_BYTES = 4 * 1024 * 1024;

/** Makes the directory. Throws DISK_FULL or DATA_DIRECTORY_UNUSABLE where it cannot be used. */
export function openAuditLog(
  directory: string,
  { clock, log, openFile = openDayFile }: AuditLogOptions,
): AuditLog {
  const closing = new AbortController();
  const pause = (ms: number) => clock.sleep(ms, { signal: closing.signal, ref: false }).catch(() => {});
  /** Of entries whose callers were answered with the failure: they have happened, and are written before any other. */
  const unwritten = new UnwrittenLines(MAX_UNWRITTEN_BYTES);
  let deniedWithoutLine = 0;
  const beforeClose: (() => void)[] = [];
  let file: DayFile | undefined;
  let failure: BoxkiteError | undefined;
  let isSyncDue = false;

  const requireWritable = (): void => {
    if (failure !== undefined) throw failure;
  };

  const opened = (): DayFile => {
    const day = dayOf(clock.now());
    if (file?.day === day) return file;
    closeFile();
    return (file = openFile(directory, day));
  };

  const closeFile = (): void => {
    const before = file;
    file = undefined;
    before?.close().catch((error: unknown) => log.warn("a day of the audit log was not closed", { error }));
  };

  const keep = (entry: AuditEntry): void => {
    const isClosed = closing.signal.aborted;
    if (failure !== undefined && !isClosed && entry.kind === "denied") {
      deniedWithoutLine++;
      return;
    }
    const line = lineOf(entry);
    if (isClosed || !unwritten.add(Buffer.from(line)))
      log.error("an entry of the audit log is lost", { entry: line.trimEnd() });
  };

  const fail = (error: unknown): BoxkiteError => {
    if (failure !== undefined) return failure;
    failure = unwritable(directory, error);
    log.error("the audit log cannot be written: calls that need an entry are refused", { error: failure });
    void recover();
    return failure;
  };

  /** The file is opened anew each time: it may be another one. */
  const recover = async (): Promise<void> => {
    while (failure !== undefined) {
      await pause(RETRY_EVERY_MS);
      if (closing.signal.aborted) return;
      try {
        closeFile();
        do {
          unwritten.writeTo(opened());
          await file?.sync();
          if (closing.signal.aborted) return;
        } while (unwritten.count > 0);
        failure = undefined;
        log.info("the audit log can be written again", { deniedWithoutLine });
        deniedWithoutLine = 0;
      } catch (error) {
        failure = unwritable(directory, error);
      }
    }
  };

  const check = (): void => {
    requireWritable();
    try {
      file?.check();
    } catch (error) {
      throw fail(error);
    }
  };

  const syncSoon = async (): Promise<void> => {
    if (isSyncDue) return;
    isSyncDue = true;
    await pause(SYNC_EVERY_MS);
    isSyncDue = false;
    if (closing.signal.aborted) return;
    const syncing = file;
    try {
      await syncing?.sync();
      if (syncing === file) check();
    } catch (error) {
      fail(error);
    }
  };

  const writeLast = (): void => {
    try {
      closeFile();
      unwritten.writeTo(opened());
    } catch (error) {
      fail(error);
    }
  };

  try {
    createAuditDirectory(directory);
    opened();
  } catch (error) {
    throw unwritable(directory, error);
  }
  return {
    requireWritable,
    check,
    write: (entry) => {
      keep(entry);
      requireWritable();
      try {
        unwritten.writeTo(opened());
      } catch (error) {
        throw fail(error);
      }
      void syncSoon();
    },
    beforeClose: (callback) => void beforeClose.push(callback),
    close: async () => {
      if (closing.signal.aborted) return;
      for (const callback of beforeClose) callback();
      closing.abort();
      if (unwritten.count > 0) writeLast();
      if (unwritten.count > 0 || deniedWithoutLine > 0)
        log.error("the audit log is not complete", { lostLines: unwritten.count, deniedWithoutLine });
      failure = unwritable(directory, new Error("it is closed"));
      await file?.close().catch((error: unknown) => log.error("the audit log was not closed", { error }));
      file = undefined;
    },
  };
}

const FULL = new Set(["ENOSPC", "EDQUOT"]);

/** In the codes by which clients and /healthz know that the server's storage is the trouble. */
export function unwritable(directory: string, error: unknown): BoxkiteError {
  if (error instanceof BoxkiteError) return error;
  if (FULL.has(errnoOf(error) ?? ""))
    return new BoxkiteError(
      "DISK_FULL",
      `the audit log in ${directory} cannot be written: its disk is full`,
      {
        hint: `free some space (df -h ${directory}); the server goes on by itself`,
        cause: error,
      },
    );
  return new BoxkiteError(
    "DATA_DIRECTORY_UNUSABLE",
    `the audit log in ${directory} cannot be written: ${messageOf(error)}`,
    { hint: `restore the directory ${directory}, for the server's user to write to`, cause: error },
  );
}
