/** What a command does to the server, in the server's audit log. */
import { join } from "node:path";
import { withEntry } from "../audit/append-entry.ts";
import { AUDIT_DIRECTORY } from "../audit/day-file.ts";
import type { AuditedResource } from "../audit/entry.ts";

/** `command`: with its verb, without its options. Throws DISK_FULL or DATA_DIRECTORY_UNUSABLE where it cannot be recorded. */
export function recordedIn<T>(
  dataDirectory: string,
  command: string,
  on: AuditedResource,
  work: () => Promise<T>,
): Promise<T> {
  return withEntry(join(dataDirectory, AUDIT_DIRECTORY), `boxkite ${command}`, [on], work);
}
