/** The audit of image builds: the server carries them out itself, in the name of whoever started the run. */
import type { RunRecord } from "../../domain/run.ts";
import type { AuditedCalls } from "./audited-calls.ts";
import { CallRecord, failureOf } from "./call-record.ts";
import { keyOfResource } from "./resource-key.ts";

/** `target`: the name that was asked for. Throws DISK_FULL or DATA_DIRECTORY_UNUSABLE. */
export function auditBuilds(
  audited: AuditedCalls,
): (run: RunRecord, target: string, error?: unknown) => void {
  return ({ key, createdBy, authority }, target, error) => {
    const call = new CallRecord({ ...createdBy, identity: authority }, "image build", "change");
    call.asks({ kind: "image", key: target });
    call.asks({ kind: "run", key: keyOfResource({ kind: "run", key }) });
    if (error !== undefined) call.fail(failureOf(error));
    audited.end(call);
  };
}
