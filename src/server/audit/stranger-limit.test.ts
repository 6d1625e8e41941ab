import assert from "node:assert/strict";
import { test } from "node:test";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import type { AuditEntry } from "../../audit/entry.ts";
import { EVERYONE } from "../../domain/principal.ts";
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

function subject() {
  const clock = steppedClock();
  const entries: AuditEntry[] = [];
  const closing: (() => void)[] = [];
  const write = limitStrangers(
    {
      write: (entry) => void entries.push(entry),
      beforeClose: (callback) => void closing.push(callback),
    },
    clock,
  );
  const written = () => entries.splice(0);
  /** The entries that these leave at once. */
  const send = (count: number, entry: AuditEntry) => {
    for (let each = 0; each < count; each++) write(entry);
    return written();
  };
  return { clock, send, written, close: () => closing.forEach((callback) => callback()) };
}

const messages = (entries: readonly AuditEntry[]) =>
  entries.map(({ from, result }) => [from, result === "ok" ? "" : result.message]);

test("of strangers from one address, a hundred lines a minute are written, and the rest is counted at its end", async () => {
  const { clock, send, written } = subject();
  const start = clock.now();
  assert.equal(send(250, denied("192.0.2.1")).length, 100);
  await clock.step(10_000);
  assert.equal(send(150, denied("2001:db8::1")).length, 100);
  assert.equal(send(1, denied("2001:db8::2")).length, 0);
  // Others are not affected by them, and those who have shown who they are never.
  assert.equal(send(1, denied("192.0.2.2")).length, 1);
  assert.equal(send(200, { ...denied("192.0.2.1"), identity: { kind: "token", id: "i" } }).length, 200);
  await clock.step(49_999);
  assert.deepEqual(written(), []);
  // Whether or not anybody calls then.
  await clock.step(3_600_000);
  const counts = written();
  assert.deepEqual(messages(counts), [
    ["192.0.2.1", "150 more calls were denied to this address in the minute before; this is the last"],
    ["2001:db8::2", "51 more calls were denied to this address in the minute before; this is the last"],
  ]);
  assert.deepEqual(
    counts.map(({ at }) => at - start),
    [60_000, 70_000],
  );
  assert.deepEqual(messages(send(1, denied("192.0.2.1"))), [["192.0.2.1", "no token"]]);
});

test("the count is written when the log closes", async () => {
  const { clock, send, written, close } = subject();
  send(130, denied("192.0.2.1"));
  await clock.step(5_000);
  close();
  assert.deepEqual(messages(written()), [
    ["192.0.2.1", "30 more calls were denied to this address in the minute before; this is the last"],
  ]);
  await clock.step(60_000);
  assert.deepEqual(written(), []);
});

test("where nobody logs in, what is denied is limited as well, and nothing else", () => {
  const { send } = subject();
  const everyone = { ...denied("192.0.2.1"), identity: EVERYONE };
  assert.equal(send(200, everyone).length, 100);
  assert.equal(send(200, { ...everyone, kind: "change", result: "ok" }).length, 200);
});
