import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { silentLogger } from "../lib/log.ts";
import { newTokenText } from "../lib/token-text.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import { createToken } from "./create-token.ts";
import { createTokenRegistry } from "./token-registry.ts";

const RUNNER = { role: "runner", project: "p" } as const;

async function setUp(t: TestContext) {
  const clock = steppedClock();
  const store = openSqliteStore(":memory:");
  const registry = createTokenRegistry({ store, clock, log: silentLogger });
  t.after(async () => {
    await registry.stop();
    await store.close();
  });
  const create = (name: string, expiresAt?: number) =>
    createToken(store, { name, grants: [RUNNER], expiresAt, createdBy: "me", at: clock.now() });
  const refreshed = () => clock.step(2_000);
  return { clock, store, registry, create, refreshed };
}

test("a token is found by its text as soon as it is created; another text is not", async (t) => {
  const { clock, store, registry, create } = await setUp(t);
  const { token, text } = await create("ci");
  assert.equal((await registry.find(text))?.token.name, "ci");
  assert.equal((await registry.byId(token.id))?.token.name, "ci");
  for (const other of ["", "bkt_x", newTokenText().text]) assert.equal(await registry.find(other), undefined);
  await clock.step(0);
  assert.equal((await store.getToken(token.id))?.usedAt, clock.now());
});

test("what was opened with a token ends within two seconds of its revocation", async (t) => {
  const { store, registry, create, refreshed } = await setUp(t);
  const { token, text } = await create("ci");
  const signal = (await registry.find(text))?.signal;
  await refreshed();
  assert.equal(signal?.aborted, false);
  await store.revokeToken(token.id, 1);
  await refreshed();
  assert.equal(signal?.aborted, true);
  assert.equal(await registry.find(text), undefined);
  assert.equal(await registry.byId(token.id), undefined);
});

test("a lowered role ends what was opened, a raised one does not", async (t) => {
  const { store, registry, create, refreshed } = await setUp(t);
  const { token, text } = await create("ci");
  const before = await registry.find(text);
  await store.setTokenGrants(token.id, [{ ...RUNNER, role: "deployer" }]);
  await refreshed();
  assert.equal(before?.signal.aborted, false);
  assert.equal((await registry.find(text))?.token.grants[0]?.role, "deployer");
  await store.setTokenGrants(token.id, [{ ...RUNNER, role: "viewer" }]);
  await refreshed();
  assert.equal(before?.signal.aborted, true);
  const after = await registry.find(text);
  assert.equal(after?.token.grants[0]?.role, "viewer");
  assert.equal(after?.signal.aborted, false);
});

test("a token ends when it expires", async (t) => {
  const { clock, registry, create, refreshed } = await setUp(t);
  const { text } = await create("ci", clock.now() + 1_000);
  const found = await registry.find(text);
  assert.equal(found?.signal.aborted, false);
  await refreshed();
  assert.equal(found?.signal.aborted, true);
  assert.equal(await registry.find(text), undefined);
});
