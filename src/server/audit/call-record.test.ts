import assert from "node:assert/strict";
import { test } from "node:test";
import { BoxkiteError } from "../../domain/errors.ts";
import { LOCAL } from "../../domain/principal.ts";
import type { RunRecord } from "../../domain/run.ts";
import { systemClock } from "../../lib/clock.ts";
import { NO_AUDIT } from "../../../test/helpers/no-audit.ts";
import type { AuditEntry } from "../../audit/entry.ts";
import { createAuditedCalls } from "./audited-calls.ts";
import { auditBuilds } from "./build-audit.ts";
import { CallRecord } from "./call-record.ts";

const object = (n: number) => ({ kind: "object", key: `p/d/${n}` });

function outcome(call: CallRecord) {
  return call
    .entries(0)
    .map(({ kind, on, more, result }) => [kind, on.length, more, result === "ok" ? result : result.code]);
}

test("a call about more than a line holds says how many it left out", () => {
  const call = new CallRecord(LOCAL, "ActionsService/Enqueue", "change");
  for (let n = 0; n < 100; n++) call.asks(object(n));
  call.asks(object(3));
  assert.deepEqual(outcome(call), [["change", 20, 80, "ok"]]);
});

test("of many objects each is named: those that were denied apart", () => {
  const call = new CallRecord(LOCAL, "S3/DeleteObjects", undefined);
  for (let n = 0; n < 45; n++)
    call.decided("change", object(n), n < 2 ? { code: "PERMISSION_DENIED", isDenial: true } : undefined);
  call.answered(200);
  assert.deepEqual(outcome(call), [
    ["denied", 2, 0, "PERMISSION_DENIED"],
    ["change", 20, 0, "ok"],
    ["change", 20, 0, "ok"],
    ["change", 3, 0, "ok"],
  ]);
});

test("a build has a line in the name of whoever started its run", () => {
  const entries: AuditEntry[] = [];
  const audited = createAuditedCalls(
    { ...NO_AUDIT, write: (entry) => void entries.push(entry) },
    systemClock,
  );
  const run = {
    key: { project: "p", domain: "d", run: "r" },
    createdBy: { who: "ci", client: "c", from: "192.0.2.1" },
    authority: { kind: "token", id: "i" },
  } as unknown as RunRecord;
  const record = auditBuilds(audited);
  record(run, "team/image:1");
  record(run, "team/image:1", new BoxkiteError("PERMISSION_DENIED", "may not use the secret"));
  assert.deepEqual(
    entries.map(({ kind, who, identity, call, on, result }) => [
      kind,
      who,
      identity.kind,
      call,
      on.map(({ key }) => key).join(),
      result,
    ]),
    [
      ["change", "ci", "token", "image build", "team/image:1,p/d/r", "ok"],
      [
        "denied",
        "ci",
        "token",
        "image build",
        "team/image:1,p/d/r",
        { code: "PERMISSION_DENIED", message: "may not use the secret" },
      ],
    ],
  );
});

test("a right that was missing counts where the call was not answered in spite of it", () => {
  const answeredWith = (status: number, error: Error) => {
    const call = new CallRecord(LOCAL, "page/run", "read");
    call.denied(error);
    call.answered(status);
    return outcome(call)[0];
  };
  const missing = new BoxkiteError("UNAUTHENTICATED", "no token");
  // To the page where people sign in.
  assert.deepEqual(answeredWith(303, missing), ["denied", 0, 0, "UNAUTHENTICATED"]);
  assert.deepEqual(answeredWith(200, missing), ["read", 0, 0, "ok"]);
  const other = new BoxkiteError("RUN_NOT_FOUND", "no run");
  assert.deepEqual(answeredWith(404, other), ["read", 0, 0, "HTTP_404"]);
  assert.deepEqual(answeredWith(403, other), ["denied", 0, 0, "PERMISSION_DENIED"]);
});
