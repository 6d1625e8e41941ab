import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { ActionRecord } from "../../domain/action-record.ts";
import type { Store, Work } from "../store.ts";
import { newTrace, storeRun } from "../../../test/helpers/stored-run.ts";
import { liveAttempts } from "./live-attempts.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import { openStoreDatabase } from "./store-database.ts";

async function storeFile(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-live-"));
  t.after(() => rm(directory, { recursive: true }));
  return join(directory, "store.sqlite");
}

function opened(t: TestContext, file: string): Store {
  const store = openSqliteStore(file);
  t.after(() => store.close());
  return store;
}

async function move(
  work: Work,
  action: ActionRecord,
  state: Partial<ActionRecord["state"]>,
): Promise<ActionRecord> {
  const at = action.state.createdAt;
  const moved = await work.advance({ action, state: { ...action.state, ...state }, effects: [], at });
  assert.ok(moved !== "conflict");
  return moved;
}

const begun = { phase: "running", attempt: 1 } as const;

test("an attempt that another process has ended is not live", async (t) => {
  const file = await storeFile(t);
  const [here, elsewhere] = [opened(t, file), opened(t, file)];
  const { root } = await storeRun(here);
  const running = await move(await here.acquire("here"), root, begun);
  const key = { ...root.key, attempt: 1 };
  assert.equal(await here.isLive(key), true);
  await move(await elsewhere.acquire("elsewhere"), running, { phase: "aborted", endedAt: 1 });
  assert.equal(await here.isLive(key), false);
});

test("a live attempt is read once, until its action changes", async (t) => {
  const file = await storeFile(t);
  const store = opened(t, file);
  const { run, root } = await storeRun(store);
  const other = await store.createAction(run, newTrace("other", root.key.action), run.createdBy);
  assert.ok(typeof other === "object");
  const work = await store.acquire("test");
  const running = [await move(work, root, begun), await move(work, other, begun)];
  const database = openStoreDatabase(file);
  t.after(() => database.close());
  let reads = 0;
  const { isLive, changed } = liveAttempts({
    ...database,
    get: (sql, ...values) => {
      if (sql.startsWith("SELECT")) reads++;
      return database.get(sql, ...values);
    },
  });
  const ask = () => Promise.all(running.map(({ key }) => isLive({ ...key, attempt: 1 })));
  for (let times = 0; times < 3; times++) assert.deepEqual(await ask(), [true, true]);
  assert.equal(reads, 2);
  changed([root]);
  assert.deepEqual(await ask(), [true, true]);
  assert.equal(reads, 3);
  assert.equal(await isLive({ ...root.key, attempt: 2 }), false);
});
