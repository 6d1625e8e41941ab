/**
 * Follows each call from its begin to its line in the audit log. What a call is about is noted where it is authorised,
 * which every call is before it does anything.
 */
import type { AuditLog } from "../../audit/audit-log.ts";
import type { Principal } from "../../domain/principal.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Authorise } from "../../services/access.ts";
import { CallRecord, type RecordedAs } from "./call-record.ts";
import { limitStrangers } from "./stranger-limit.ts";
import { keyOfResource } from "./resource-key.ts";

export interface AuditedCalls {
  begin(by: Principal, call: string, recordedAs: RecordedAs): CallRecord;
  /** Undefined for what the server does by itself. */
  of(by: Principal): CallRecord | undefined;
  /** Authorises as the given one does. Throws DISK_FULL or DATA_DIRECTORY_UNUSABLE where a call could not be recorded. */
  noting(authorise: Authorise): Authorise;
  /** Throws DISK_FULL or DATA_DIRECTORY_UNUSABLE while nothing can be recorded. */
  requireWritable(): void;
  /** Writes the lines that the call leaves. Throws DISK_FULL or DATA_DIRECTORY_UNUSABLE. */
  end(call: CallRecord): void;
}

export function createAuditedCalls(audit: AuditLog, clock: Clock): AuditedCalls {
  // A principal is made for each request.
  const calls = new WeakMap<Principal, CallRecord>();
  const write = limitStrangers(audit, clock);
  return {
    begin: (by, name, recordedAs) => {
      const call = new CallRecord(by, name, recordedAs);
      calls.set(by, call);
      return call;
    },
    of: (by) => calls.get(by),
    requireWritable: audit.requireWritable,
    noting: (authorise) => (by, right, resource) => {
      const call = calls.get(by);
      if (call === undefined) return authorise(by, right, resource);
      call.asks({ kind: resource.kind, key: keyOfResource(resource) });
      if (call.isRecorded) audit.requireWritable();
      return notingDenials(call, () => authorise(by, right, resource));
    },
    end: (call) => {
      for (const entry of call.entries(clock.now())) write(entry);
    },
  };
}

function notingDenials(call: CallRecord, authorise: () => void | Promise<void>): void | Promise<void> {
  const denied = (error: unknown): never => {
    call.denied(error);
    throw error;
  };
  try {
    return authorise()?.catch(denied);
  } catch (error) {
    return denied(error);
  }
}
