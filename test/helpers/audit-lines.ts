/** The audit log of a server that a test has started. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AUDIT_DIRECTORY } from "../../src/audit/day-file.ts";
import type { AuditLine } from "../../src/audit/entry.ts";

export function auditText(dataDirectory: string): string {
  const audit = join(dataDirectory, AUDIT_DIRECTORY);
  return readdirSync(audit)
    .toSorted()
    .map((name) => readFileSync(join(audit, name), "utf8"))
    .join("");
}

export function auditLines(dataDirectory: string): AuditLine[] {
  return auditText(dataDirectory)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditLine);
}
