/** An audit log that keeps nothing, for what is measured or tested without one. */
import type { AuditLog } from "../../src/audit/audit-log.ts";

export const NO_AUDIT: AuditLog = {
  write: () => {},
  requireWritable: () => {},
  check: () => {},
  beforeClose: () => {},
  close: async () => {},
};
