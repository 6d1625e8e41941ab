/** Entries of commands beside the server, or without one: several processes may add lines to one file. */
import { systemClock, type Clock } from "../lib/clock.ts";
import { unwritable } from "./audit-log.ts";
import {
  createAuditDirectory,
  dayOf,
  openDayFile,
  writeWhole,
  type DayFile,
  type OpenDayFile,
} from "./day-file.ts";
import { lineOf, type AuditedResource } from "./entry.ts";
import { operatorEntry } from "./operator-entry.ts";

export interface EntryOptions {
  /** @default the system's */
  readonly clock?: Clock;
  /** Replaced by tests. */
  readonly openFile?: OpenDayFile;
}

/**
 * Does the operator's work and writes its entry, also where it fails. Throws DISK_FULL or DATA_DIRECTORY_UNUSABLE, before the
 * work where the log cannot be opened. `on`: what it was about, as far as that is known before.
 */
export async function withEntry<T>(
  directory: string,
  call: string,
  on: readonly AuditedResource[],
  work: () => Promise<T>,
  { clock = systemClock, openFile = openDayFile }: EntryOptions = {},
): Promise<T> {
  const file = openToday(directory, clock, openFile);
  const write = async (failure?: { readonly error: unknown }): Promise<void> => {
    try {
      writeWhole(file, Buffer.from(lineOf(operatorEntry({ call, on, at: clock.now(), ...failure }))));
      await file.sync();
    } catch (error) {
      throw unwritable(directory, error);
    }
  };
  try {
    const result = await work().catch(async (error: unknown) => {
      await write({ error });
      throw error;
    });
    await write();
    return result;
  } finally {
    await file.close();
  }
}

/** A server that runs does not make a directory that is gone again; this does, and the server goes on in it. */
function openToday(directory: string, clock: Clock, openFile: OpenDayFile): DayFile {
  try {
    createAuditDirectory(directory);
    return openFile(directory, dayOf(clock.now()));
  } catch (error) {
    throw unwritable(directory, error);
  }
}
