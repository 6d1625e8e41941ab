import assert from "node:assert/strict";
import { test } from "node:test";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import type { AuditEntry } from "../../audit/entry.ts";
import { limitStrangers } from "./stranger-limit.ts";

const denied = (from: string): AuditEntry => ({
  at: 0,
  kind: "denied",
  who: "nobody",
  identity: { kind: "stranger", why: "", hint: "" },
  client: "",
  from,
  call: "RunService/ListRuns",
  on: [],
  result: { code: "UNAUTHENTICATED", message: "no token" },
});

test("of strangers from one address, a hundred lines a minute are written, and the rest is counted", async () => {
  const clock = steppedClock();
  const limit = limitStrangers(clock);
  const send = (count: number, from: string) =>
    Array.from({ length: count }, () => limit(denied(from))).flat();
  assert.equal(send(250, "192.0.2.1").length, 100);
  assert.equal(send(150, "2001:db8::1").length, 100);
  assert.equal(send(1, "2001:db8::2").length, 0);
  // Others are not affected by them, and those who have shown who they are never.
  assert.equal(send(1, "192.0.2.2").length, 1);
  const known: AuditEntry = { ...denied("192.0.2.1"), identity: { kind: "token", id: "i" } };
  assert.deepEqual(limit(known), [known]);
  await clock.step(60_000);
  const lines = send(1, "192.0.2.1");
  assert.deepEqual(
    lines.map(({ from, result }) => [from, result === "ok" ? "" : result.message]),
    [
      ["192.0.2.1", "150 more calls were denied to this address in the minute before; this is the last"],
      ["2001:db8::2", "51 more calls were denied to this address in the minute before; this is the last"],
      ["192.0.2.1", "no token"],
    ],
  );
});
