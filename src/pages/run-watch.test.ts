import assert from "node:assert/strict";
import { test } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import { ROOT_ACTION } from "../domain/ids.ts";
import { LOCAL } from "../domain/principal.ts";
import { silentLogger } from "../lib/log.ts";
import { createChangeFeed } from "../services/change-feed.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import { watchRun } from "./run-watch.ts";
import type { StreamMessage } from "./stream-message.ts";
import { newTrace, storeRun } from "../../test/helpers/stored-run.ts";

const NOW = 1_700_000_000_000;

/** Opens some pages of one run, changes it, and counts how often the name of its root was rendered. */
async function rendered(pages: number): Promise<{ count: number; told: readonly string[] }> {
  const store = openSqliteStore(":memory:");
  const created = await storeRun(store);
  let count = 0;
  const counting = (record: ActionRecord): ActionRecord => ({
    ...record,
    get displayName() {
      count++;
      return record.displayName;
    },
  });
  const clock = steppedClock();
  const feed = createChangeFeed(store, clock);
  const context = {
    store: {
      ...store,
      getAction: async (wanted: ActionRecord["key"]) => {
        const record = await store.getAction(wanted);
        return record && counting(record);
      },
    },
    feed,
    clock,
    bucket: "b",
    objects: {} as never,
    logs: { readPart: async () => undefined } as never,
    inputs: { of: async () => [] },
    log: silentLogger,
  };
  const stop = new AbortController();
  const told = Array.from({ length: pages }, () => "");
  const log = { show: () => {}, isComplete: true, following: undefined };
  const watch = { run: created.run, action: ROOT_ACTION, wantedAttempt: undefined, after: 0 };
  const watches = told.map((_, page) =>
    watchRun(context, watch, log, async (line) => void (told[page] += line), stop.signal),
  );
  await clock.step(1_000);
  count = 0;
  await store.createAction(created.run, newTrace("child", ROOT_ACTION), LOCAL);
  const work = await store.acquire("test");
  const state = { ...created.root.state, reason: "because" };
  await work.advance({ action: created.root, state, effects: [], at: NOW });
  await clock.step(1_000);
  stop.abort();
  await Promise.all(watches);
  feed.close();
  await store.close();
  return { count, told };
}

test("what changed is read and rendered once, for 1 page as for 20", async () => {
  const one = await rendered(1);
  const many = await rendered(20);
  assert.equal(many.count, one.count);
  for (const lines of many.told) assert.equal(lines, one.told[0]);
  const types = (one.told[0] ?? "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as StreamMessage).type);
  assert.equal(types[0], "hello");
  assert.equal(types.filter((type) => type === "actions").length, 2);
});
