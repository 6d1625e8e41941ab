import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_AUDIT } from "../../test/helpers/no-audit.ts";
import { signingKeysOf } from "../../test/helpers/signing-keys.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { Principal } from "../domain/principal.ts";
import { systemClock } from "../lib/clock.ts";
import { credentialsOf } from "../orchestrator/access-keys.ts";
import type { Authorise } from "../services/access.ts";
import { NO_TOKENS } from "../services/authorise/token.ts";
import { createAuditedCalls } from "./audit/audited-calls.ts";
import { createObjectAudit } from "./audit/object-audit.ts";
import { createPresign } from "./links.ts";
import { createPrincipals } from "./object-access.ts";
import { tokenCredentials, userCredentials } from "./user-credentials.ts";

const ATTEMPT = { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 };
const CALLER: Principal = {
  who: "task",
  client: "",
  from: "127.0.0.1",
  identity: { kind: "attempt", key: ATTEMPT },
};

function subject(authorise: Authorise = async () => {}) {
  const signingKeys = signingKeysOf("secret");
  const read: unknown[] = [];
  const granted: unknown[] = [];
  const find = createPrincipals({
    signingKeys,
    bucket: "b",
    authorise,
    mayWrite: async (_, key) => key !== "other/outputs.pb",
    grant: async (run, uris) => void granted.push([run, uris]),
    onEnd: async () => () => {},
    onRead: (attempt) => read.push(attempt),
    audit: createObjectAudit(createAuditedCalls(NO_AUDIT, systemClock), NO_TOKENS),
  });
  return { signingKeys, find, read, granted };
}

test("what an attempt's key reads is reported; what it writes, and what others read, is not", async () => {
  const { signingKeys, find, read } = subject();
  const attempt = find(credentialsOf(signingKeys, ATTEMPT).accessKeyId, CALLER);
  assert.ok(await attempt?.allows("read", "inputs.pb"));
  assert.ok(await attempt?.allows("write", "outputs.pb"));
  assert.ok(!(await attempt?.allows("write", "other/outputs.pb")));
  await attempt?.allows("list", "");
  await find(userCredentials(signingKeys, "").accessKeyId, CALLER)?.allows("read", "inputs.pb");
  assert.deepEqual(read, [ATTEMPT]);
});

test("an attempt's key asks in the name of the attempt, and a person's in that of nobody in particular", async () => {
  const asked: unknown[] = [];
  const { signingKeys, find } = subject((by, right, resource) => void asked.push([by.who, right, resource]));
  await find(credentialsOf(signingKeys, ATTEMPT).accessKeyId, CALLER)?.allows("delete", "x");
  const person = find(userCredentials(signingKeys, "p/").accessKeyId, CALLER);
  assert.ok(await person?.allows("write", "p/x"));
  assert.ok(!(await person?.allows("read", "q/x")));
  assert.deepEqual(asked, [
    ["task p/d/r/a0", "change", { kind: "object", key: "x" }],
    ["user of p/", "create", { kind: "object", key: "p/x" }],
  ]);
});

test("who lists asks for the folder: names that begin alike may be those of others", async () => {
  const asked: unknown[] = [];
  const { signingKeys, find } = subject((_, right, resource) => void asked.push([right, resource]));
  const token = find(tokenCredentials(signingKeys, "id").accessKeyId, CALLER);
  for (const prefix of ["team", "team/", "team/dev", "team/development/runs/r/"])
    await token?.allows("list", prefix);
  assert.deepEqual(
    asked,
    ["", "team/", "team/", "team/development/runs/r/"].map((key) => ["read", { kind: "object", key }]),
  );
});

test("an attempt that has ended is refused as that, also where it could not write before", async () => {
  const { signingKeys, find } = subject(() => {
    throw new BoxkiteError("UNAUTHENTICATED", "over");
  });
  const attempt = find(credentialsOf(signingKeys, ATTEMPT).accessKeyId, CALLER);
  for (const operation of ["write", "know"] as const)
    await assert.rejects(async () => attempt?.allows(operation, "other/outputs.pb"), {
      code: "UNAUTHENTICATED",
    });
});

test("a link ends with its signer's right, and grants a run what a task has sent through it", async () => {
  let isLive = true;
  const { signingKeys, find, granted } = subject(() => {
    if (!isLive) throw new BoxkiteError("UNAUTHENTICATED", "over");
  });
  const presign = createPresign({ signingKeys, bucket: "b", clock: { now: () => 0 } as never });
  const url = new URL(
    presign({
      method: "PUT",
      origin: "http://h",
      uri: "s3://b/p/d/uploads/1/f",
      expiresInSeconds: 60,
      by: CALLER,
    }),
  );
  const [accessKeyId = ""] = (url.searchParams.get("X-Amz-Credential") ?? "").split("/");
  const link = find(accessKeyId, CALLER);
  assert.equal(link?.longestUrlSeconds, 900);
  assert.ok(await link?.allows("write", "p/d/uploads/1/f"));
  assert.deepEqual(granted, [], "not before the content has come");
  await link?.written?.("p/d/uploads/1/f");
  assert.deepEqual(granted, [[ATTEMPT, ["s3://b/p/d/uploads/1/f"]]]);
  isLive = false;
  await assert.rejects(async () => link?.allows("write", "p/d/uploads/1/f"), { code: "UNAUTHENTICATED" });
});

test("a key that another server made, or that names something else, is not known", () => {
  const { signingKeys, find } = subject();
  const foreign = credentialsOf(signingKeysOf("other"), ATTEMPT);
  const own = find(foreign.accessKeyId, CALLER);
  assert.notEqual(own?.secretAccessKey, foreign.secretAccessKey);
  for (const id of [
    "operator",
    "user",
    "run-cC9kL3I",
    credentialsOf(signingKeys, ATTEMPT).accessKeyId.replace("-1-", "-2-"),
  ])
    assert.equal(find(id, CALLER), undefined, id);
});
