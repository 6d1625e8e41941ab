import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { AuditEntry } from "../../audit/entry.ts";
import { systemClock } from "../../lib/clock.ts";
import { NO_AUDIT } from "../../../test/helpers/no-audit.ts";
import { receive } from "../arrival.ts";
import { createAuditedCalls } from "./audited-calls.ts";
import { auditArrival } from "./http-audit.ts";

test("what another machine sends without TLS leaves a line with its address", async (t) => {
  const entries: AuditEntry[] = [];
  const write = (entry: AuditEntry) => void entries.push(entry);
  const onRefused = auditArrival(createAuditedCalls({ ...NO_AUDIT, write }, systemClock));
  const reach = { listenAt: "127.0.0.1", accepts: () => true, classOf: () => "outer" as const };
  const server = createServer(receive({ reach, hasTls: true, onRefused }, () => assert.fail("it came in")));
  t.after(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const headers = { "user-agent": "a test", authorization: "Bearer secret" };
  const answer = await fetch(`http://127.0.0.1:${port}/v2`, { headers });
  assert.ok(answer.status >= 400, String(answer.status));
  await answer.text();
  const [line] = entries;
  assert.deepEqual(
    [entries.length, line?.kind, line?.who, line?.client, line?.from, line?.call, line?.on],
    [1, "denied", "nobody", "a test", "127.0.0.1", "request", []],
  );
  assert.equal(line?.result === "ok" ? "" : line?.result.code, "PERMISSION_DENIED");
});
