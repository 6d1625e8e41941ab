import assert from "node:assert/strict";
import { test } from "node:test";
import type { AuditEntry } from "../../audit/entry.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { EVERYONE, LOCAL } from "../../domain/principal.ts";
import { systemClock } from "../../lib/clock.ts";
import type { S3Operation } from "../../objects/s3/principal.ts";
import { NO_TOKENS } from "../../services/authorise/token.ts";
import { NO_AUDIT } from "../../../test/helpers/no-audit.ts";
import { createAuditedCalls } from "./audited-calls.ts";
import { createObjectAudit } from "./object-audit.ts";

async function linesOf(
  operation: S3Operation,
  key: string,
  isAllowed: boolean,
  over = {},
): Promise<string[]> {
  const entries: AuditEntry[] = [];
  const write = (entry: AuditEntry) => void entries.push(entry);
  const audited = createAuditedCalls({ ...NO_AUDIT, write, ...over }, systemClock);
  const by = { ...LOCAL };
  const call = audited.begin(by, "S3", undefined);
  const signer = { name: "user", identity: EVERYONE };
  const objects = createObjectAudit(audited, NO_TOKENS);
  assert.equal(await objects.decide(by, signer, { operation, key }, async () => isAllowed), isAllowed);
  call.answered(isAllowed ? 200 : 403);
  audited.end(call);
  return entries.map(({ kind, on }) => [kind, ...on.map((each) => `${each.kind} ${each.key}`)].join(" "));
}

test("each access to objects is recorded; the question whether there is a bucket only where it is denied", async () => {
  assert.deepEqual(await linesOf("read", "p/x", true), ["read object p/x"]);
  assert.deepEqual(await linesOf("list", "p/", true), ["read objects p/"]);
  assert.deepEqual(await linesOf("write", "p/x", true), ["change object p/x"]);
  assert.deepEqual(await linesOf("delete", "p/x", true), ["change object p/x"]);
  assert.deepEqual(await linesOf("know", "", true), []);
  assert.deepEqual(await linesOf("read", "p/x", false), ["denied object p/x"]);
  assert.deepEqual(await linesOf("know", "", false), ["denied server "]);
});

test("what needs a line is refused while none can be written", async () => {
  const requireWritable = () => {
    throw new BoxkiteError("DISK_FULL", "full");
  };
  await assert.rejects(linesOf("read", "p/x", true, { requireWritable }), /full/u);
  assert.deepEqual(await linesOf("know", "", true, { requireWritable }), []);
});
