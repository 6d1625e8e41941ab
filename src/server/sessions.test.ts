import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import type { SessionKind } from "../domain/session.ts";
import { silentLogger } from "../lib/log.ts";
import { hashOfToken } from "../lib/token-text.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { Store } from "../store/store.ts";
import { createToken } from "./create-token.ts";
import { createFailedSignIns } from "./failed-sign-ins.ts";
import { createPeople } from "./people.ts";
import { createSessions, formTokenOf } from "./sessions.ts";

async function subject(t: TestContext, file = ":memory:") {
  const clock = steppedClock();
  const store = openSqliteStore(file);
  t.after(() => store.close());
  const tokenNamed = async (name: string) => {
    const made = { name, grants: [], expiresAt: undefined, createdBy: "me", at: clock.now() };
    return (await createToken(store, made)).token.id;
  };
  const sessionsOf = (kind: SessionKind, lifetimeMs = 1_000) =>
    createSessions({ store, clock, kind, lifetimeMs });
  return { clock, store, tokenNamed, sessionsOf };
}

test("a session is found until its time is over, or until it is ended", async (t) => {
  const { clock, tokenNamed, sessionsOf } = await subject(t);
  const [one, two] = [await tokenNamed("one"), await tokenNamed("two")];
  const [cookies, others] = [sessionsOf("cookie"), sessionsOf("access_token")];
  const [first, second] = [await cookies.begin(one), await cookies.begin(two)];
  assert.deepEqual(await Promise.all([first, second, "x"].map(cookies.find)), [one, two, undefined]);
  assert.equal(await others.find(first), undefined, "of its own kind only");
  await cookies.end(first);
  assert.equal(await cookies.find(first), undefined);
  await clock.step(1_000);
  assert.equal(await cookies.find(second), undefined);
  assert.notEqual(formTokenOf(first), formTokenOf(second));
});

test("of too many sessions of a token its oldest ends; those of other tokens stay", async (t) => {
  const { clock, tokenNamed, sessionsOf } = await subject(t);
  const [one, two] = [await tokenNamed("one"), await tokenNamed("two")];
  const sessions = sessionsOf("access_token", 1_000_000);
  const [other, cookie] = [await sessions.begin(two), await sessionsOf("cookie", 1_000_000).begin(one)];
  const all: string[] = [];
  for (let count = 0; count < 1_001; count++) {
    all.push(await sessions.begin(one));
    await clock.step(1);
  }
  assert.deepEqual(
    await Promise.all([all[0], all[1], all.at(-1), other].map((each) => sessions.find(each ?? ""))),
    [undefined, one, one, two],
  );
  assert.equal(await sessionsOf("cookie").find(cookie), one);
});

test("a cookie outlives the server and ends with its token; the file has no secret", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-sessions-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, "store");
  const { tokenNamed, sessionsOf, store } = await subject(t, file);
  const id = await tokenNamed("ci");
  const cookie = await sessionsOf("cookie", 1_000_000).begin(id);
  const files = await Promise.all((await readdir(directory)).map((name) => readFile(join(directory, name))));
  assert.ok(files.some((bytes) => bytes.includes(hashOfToken(cookie))));
  assert.ok(files.every((bytes) => !bytes.includes(cookie)));

  const later = await subject(t, file);
  const readOnly: Partial<Store> = { ...later.store };
  delete readOnly.beginSession;
  const people = createPeople({ ...later, store: readOnly as Store, log: silentLogger });
  t.after(() => people.stop());
  const identify = async () => {
    const request = { headers: { cookie: `boxkite_session=${cookie}` }, method: "GET" };
    return (await people.identify(request, { path: "/v2", pathToken: undefined, from: "192.0.2.1" }))
      ?.identity;
  };
  assert.deepEqual(await identify(), { kind: "token", id });
  await store.revokeToken(id, 0);
  await later.clock.step(2_000);
  assert.equal((await identify())?.kind, "stranger");
});

test("an address waits after ten failures, until a minute after the first; others do not", async () => {
  const clock = steppedClock();
  const failed = createFailedSignIns(clock);
  for (let n = 0; n < 10; n++) {
    assert.equal(failed.secondsToWait("192.0.2.1"), 0);
    failed.note("192.0.2.1");
    await clock.step(1_000);
  }
  assert.equal(failed.secondsToWait("192.0.2.1"), 50);
  assert.equal(failed.secondsToWait("192.0.2.2"), 0);
  await clock.step(50_000);
  assert.equal(failed.secondsToWait("192.0.2.1"), 0);
});

test("the addresses of one IPv6 network count together, and many addresses take bounded memory", () => {
  const failed = createFailedSignIns(steppedClock());
  for (let n = 0; n < 10; n++) failed.note(`2001:db8::${n}`);
  assert.equal(failed.secondsToWait("2001:db8:0:0:1::ffff"), 60);
  assert.equal(failed.secondsToWait("2001:db8:0:1::1"), 0);
  for (let n = 0; n < 10_000; n++) failed.note(`10.0.${n >> 8}.${n & 255}`);
  assert.equal(failed.secondsToWait("2001:db8::1"), 0);
});
