/** What whoever runs commands on the server's machine does: nobody has to prove anything to them but to the system. */
import { userInfo } from "node:os";
import type { TimeMs } from "../domain/action.ts";
import { failedWith, type AuditEntry, type AuditedResource } from "./entry.ts";

export interface OperatorCall {
  /** As it was typed, without its options: `boxkite token create`. */
  readonly call: string;
  readonly on: readonly AuditedResource[];
  readonly at: TimeMs;
  readonly error?: unknown;
}

export function operatorEntry({ call, on, at, error }: OperatorCall): AuditEntry {
  return {
    at,
    kind: "change",
    who: userInfo().username,
    identity: { kind: "operator" },
    client: "boxkite",
    from: "",
    call,
    on,
    result: error === undefined ? "ok" : failedWith(error),
  };
}
