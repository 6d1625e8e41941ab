import assert from "node:assert/strict";
import { test } from "node:test";
import { newTokenText } from "../lib/token-text.ts";
import { lineOf, type AuditEntry, type AuditLine } from "./entry.ts";

const entry: AuditEntry = {
  at: 0,
  kind: "denied",
  who: "task p/d/r/a",
  identity: { kind: "attempt", key: { project: "p", domain: "d", run: "r", action: "a", attempt: 2 } },
  client: "c",
  from: "127.0.0.1",
  call: "RunService/AbortRun",
  on: [{ kind: "run", key: "p/d/other" }],
  more: 3,
  result: { code: "PERMISSION_DENIED", message: "may not" },
};

test("a line says who, what, on what and with which result", () => {
  assert.deepEqual(JSON.parse(lineOf(entry)), {
    time: "1970-01-01T00:00:00.000Z",
    kind: "denied",
    who: "task p/d/r/a",
    identity: "attempt",
    attempt: "p/d/r/a/2",
    client: "c",
    from: "127.0.0.1",
    call: "RunService/AbortRun",
    on: [{ kind: "run", key: "p/d/other" }],
    more: 3,
    result: "PERMISSION_DENIED",
    message: "may not",
  });
});

test("what comes from outside is one line of bounded length", () => {
  const long = `"\n\u0000\u2028${"x".repeat(100_000)}`;
  const result = { code: "INTERNAL", message: long };
  const text = lineOf({ ...entry, client: long, on: [{ kind: "object", key: long }], result });
  assert.equal(text.indexOf("\n"), text.length - 1);
  assert.ok(text.length < 3_000, String(text.length));
  assert.ok((JSON.parse(text) as AuditLine).client.startsWith('"\n\u0000\u2028xx'));
});

test("a token that somebody put where none belongs is not written", () => {
  const { text: token } = newTokenText();
  const attempt = "bka.cC9kL3IvYS8x.Zm9vYmFyZm9vYmFy";
  const login = "bkl.bG9jYWxTZWNyZXRPZlRlc3Rz";
  const client = `curl ${token} ${login}`;
  const message = `there is no task x/t/${attempt}/y and no ${token}`;
  const line = lineOf({ ...entry, client, call: attempt, result: { code: "TASK_NOT_FOUND", message } });
  for (const secret of [token, attempt, login, "Zm9vYmFyZm9vYmFy"]) assert.ok(!line.includes(secret), line);
  assert.match(line, /curl \*\*\* \*\*\*.*x\/t\/\*\*\*\/y and no \*\*\*/u);
});
