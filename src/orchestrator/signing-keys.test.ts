import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import type { AttemptKey } from "../domain/attempt.ts";
import { silentLogger } from "../lib/log.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { Store } from "../store/store.ts";
import { credentialsOf, issueAccessKey, readAccessKey, secretsOf } from "./access-keys.ts";
import { attemptOfToken, tokenOf, tokensOf } from "./attempt-token.ts";
import { findSigningKeys, openSigningKeys, rotateSigningKeys } from "./stored-signing-keys.ts";

const ATTEMPT = { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 };

async function subject(t: TestContext, liveAttemptsBefore: Store["liveAttemptsBefore"] = async () => []) {
  const store = { ...openSqliteStore(":memory:"), liveAttemptsBefore };
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

test("each of several rotations keeps the time that was stated for it; one without any ends all keys", async (t) => {
  const { store, clock, keys } = await subject(t);
  const signatures: string[] = [];
  const rotate = async (validForMs: number) => {
    signatures.push(keys.sign("purpose", "text"));
    await rotateSigningKeys(store, clock, validForMs);
    await clock.step(2_000);
  };
  const valid = () => signatures.map((signature) => keys.verify("purpose", "text", signature));
  await rotate(60_000);
  await rotate(10_000);
  assert.deepEqual(valid(), [true, true]);
  await clock.step(10_000);
  assert.deepEqual(valid(), [true, false]);
  await rotate(0);
  assert.deepEqual(valid(), [false, false, false]);
});

test("an attempt that began before keeps its token and its key until it ends; others get nothing by that key", async (t) => {
  let live: readonly AttemptKey[] = [ATTEMPT];
  const asked: number[] = [];
  const { store, clock, keys } = await subject(t, async (before) => {
    asked.push(before);
    return live;
  });
  const other = { ...ATTEMPT, action: "of-later" };
  const given = { token: tokenOf(keys, ATTEMPT), key: credentialsOf(keys, ATTEMPT) };
  const forged = { token: tokenOf(keys, other), key: credentialsOf(keys, other) };
  const person = issueAccessKey(keys, "user", "p/d/r/a0/1");
  const rotatedAt = clock.now();
  await rotateSigningKeys(store, clock, 10_000);
  await clock.step(12_000);
  assert.equal(Math.max(...asked), rotatedAt + 5_000, "in which a server may still have used the key");
  const opens = ({ token, key }: typeof given) => [
    attemptOfToken(keys, token)?.action,
    readAccessKey(keys, key.accessKeyId)?.secretAccessKey === key.secretAccessKey,
  ];
  assert.deepEqual(opens(given), ["a0", true]);
  assert.deepEqual(opens(forged), [undefined, false]);
  assert.equal(readAccessKey(keys, person.accessKeyId), undefined);
  assert.ok(tokensOf(keys, ATTEMPT).includes(given.token), "it is still redacted");
  assert.ok(secretsOf(keys, ATTEMPT).includes(given.key.secretAccessKey));
  assert.equal((await findSigningKeys(store))?.length, 2);

  live = [];
  await clock.step(4_000);
  assert.deepEqual(opens(given), [undefined, false]);
  assert.equal((await findSigningKeys(store))?.length, 1);

  live = [ATTEMPT];
  const now = { token: tokenOf(keys, ATTEMPT), key: credentialsOf(keys, ATTEMPT) };
  await rotateSigningKeys(store, clock, 0);
  await clock.step(2_000);
  assert.deepEqual(opens(now), [undefined, false], "one without any time ends them");
});

test("what was verified once is verified again, beyond what is remembered too, and a changed text never", async (t) => {
  const { keys } = await subject(t);
  const texts = Array.from({ length: 1_100 }, (_, index) => `text ${index}`);
  for (let times = 0; times < 2; times++)
    for (const text of texts) assert.ok(keys.verify("purpose", text, keys.sign("purpose", text)));
  const signature = keys.sign("purpose", "text 1");
  for (let times = 0; times < 2; times++) {
    assert.ok(!keys.verify("purpose", "text 2", signature));
    assert.ok(!keys.verify("other", "text 1", signature));
    assert.ok(!keys.verify("purpose", "text 1", `${signature}x`));
  }
});
