/** Entries of commands beside the server, or without one: several processes may add lines to one file. */
import { systemClock, type Clock } from "../lib/clock.ts";
import { unwritable } from "./audit-log.ts";
import { createAuditDirectory, dayOf, openDayFile, type DayFile } from "./day-file.ts";
import { lineOf, type AuditedResource } from "./entry.ts";
import { operatorEntry } from "./operator-entry.ts";

/**
 * Does the operator's work and writes its entry, also where it fails. Throws DISK_FULL or DATA_DIRECTORY_UNUSABLE, before the
 * work where the log cannot be opened. `on`: what it was about, as far as that is known before.
 */
export async function withEntry<T>(
  directory: string,
  call: string,
  on: readonly AuditedResource[],
  work: () => Promise<T>,
  clock: Clock = systemClock,
): Promise<T> {
  const file = openToday(directory, clock);
  const write = async (failure?: { readonly error: unknown }): Promise<void> => {
    try {
      file.write(Buffer.from(lineOf(operatorEntry({ call, on, at: clock.now(), ...failure }))));
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

function openToday(directory: string, clock: Clock): DayFile {
  try {
    createAuditDirectory(directory);
    return openDayFile(directory, dayOf(clock.now()));
  } catch (error) {
    throw unwritable(directory, error);
  }
}
