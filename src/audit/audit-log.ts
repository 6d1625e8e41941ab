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
/** Kept of what cannot be written: what was under way when it began to fail, for nothing else is accepted then. */
const MAX_UNWRITTEN_BYTES = 4 * 1024 * 1024;
const LINE_BREAK = 10;
const NOTHING: Uint8Array = new Uint8Array();

/** Makes the directory. Throws DISK_FULL or DATA_DIRECTORY_UNUSABLE where it cannot be used. */
export function openAuditLog(
  directory: string,
  { clock, log, openFile = openDayFile }: AuditLogOptions,
): AuditLog {
  const closing = new AbortController();
  const pause = (ms: number) => clock.sleep(ms, { signal: closing.signal, ref: false }).catch(() => {});
  /** Of entries whose callers were answered with the failure: they have happened, and are written before any other. */
  let unwritten = NOTHING;
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

  const writeAll = (): void => {
    let written = 0;
    try {
      const to = opened();
      while (written < unwritten.length) written += to.write(unwritten.subarray(written));
      unwritten = NOTHING;
    } catch (error) {
      // A line of which a part was written is written again as a whole.
      unwritten = unwritten.subarray(unwritten.subarray(0, written).lastIndexOf(LINE_BREAK) + 1);
      throw error;
    }
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
        writeAll();
        await file?.sync();
        failure = undefined;
        log.info("the audit log can be written again");
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
    const syncing = file;
    try {
      await syncing?.sync();
      if (syncing === file) check();
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
      const line = Buffer.from(lineOf(entry));
      if (unwritten.length + line.length <= MAX_UNWRITTEN_BYTES)
        unwritten = unwritten.length === 0 ? line : Buffer.concat([unwritten, line]);
      requireWritable();
      try {
        writeAll();
      } catch (error) {
        throw fail(error);
      }
      void syncSoon();
    },
    close: async () => {
      closing.abort();
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
