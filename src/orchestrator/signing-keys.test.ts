import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { silentLogger } from "../lib/log.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import { credentialsOf, readAccessKey, secretsOf } from "./access-keys.ts";
import { tokenOf, tokensOf } from "./attempt-token.ts";
import { findSigningKeys, openSigningKeys, rotateSigningKeys } from "./stored-signing-keys.ts";

const ATTEMPT = { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 };

async function subject(t: TestContext) {
  const store = openSqliteStore(":memory:");
  const clock = steppedClock();
  const { keys, close } = await openSigningKeys({ store, clock, log: silentLogger });
  t.after(async () => {
    await close();
    await store.close();
  });
  return { store, clock, keys };
}

test("after a rotation the key before verifies for the stated time, and is removed then", async (t) => {
  const { store, clock, keys } = await subject(t);
  const first = keys.currentId();
  const old = keys.sign("purpose", "text");
  const oldKey = credentialsOf(keys, ATTEMPT);
  const oldToken = tokenOf(keys, ATTEMPT);
  await rotateSigningKeys(store, clock, 60_000);
  await clock.step(2_000);
  assert.notEqual(keys.currentId(), first, "a server that runs reads them again");
  const now = keys.sign("purpose", "text");
  assert.notEqual(now, old);
  for (const signature of [old, now]) assert.ok(keys.verify("purpose", "text", signature));
  assert.ok(!keys.verify("other", "text", now));
  assert.equal(readAccessKey(keys, oldKey.accessKeyId)?.secretAccessKey, oldKey.secretAccessKey);

  const { secretAccessKey } = credentialsOf(keys, ATTEMPT);
  assert.deepEqual(
    new Set([...tokensOf(keys, ATTEMPT), ...secretsOf(keys, ATTEMPT)]),
    new Set([oldToken, tokenOf(keys, ATTEMPT), oldKey.secretAccessKey, secretAccessKey]),
    "an attempt of before and one of now",
  );

  await clock.step(57_999);
  assert.ok(keys.verify("purpose", "text", old), "until its last millisecond");
  await clock.step(1);
  assert.ok(!keys.verify("purpose", "text", old));
  assert.ok(keys.verify("purpose", "text", now));
  assert.equal(readAccessKey(keys, oldKey.accessKeyId), undefined);
  assert.deepEqual(tokensOf(keys, ATTEMPT), [tokenOf(keys, ATTEMPT)]);
  await clock.step(2_000);
  assert.deepEqual(
    (await findSigningKeys(store))?.map(({ id }) => id),
    [keys.currentId()],
  );
});

test("each of several rotations keeps the time that was stated for it", async (t) => {
  const { store, clock, keys } = await subject(t);
  const signatures: string[] = [];
  for (const validForMs of [60_000, 0, 10_000]) {
    signatures.push(keys.sign("purpose", "text"));
    await rotateSigningKeys(store, clock, validForMs);
    await clock.step(2_000);
  }
  const valid = () => signatures.map((signature) => keys.verify("purpose", "text", signature));
  assert.deepEqual(valid(), [true, false, true]);
  await clock.step(10_000);
  assert.deepEqual(valid(), [true, false, false]);
});
