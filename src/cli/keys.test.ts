import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { runProgram, succeeded } from "../../test/helpers/stock-sdk.ts";
import { newTask } from "../../test/orchestrator/subject.ts";
import { storeRun } from "../../test/helpers/stored-run.ts";
import { ROOT_ACTION } from "../domain/ids.ts";
import { findSigningKeys } from "../orchestrator/stored-signing-keys.ts";
import { STORE_FILE } from "../server/store-file.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";

const MAIN = join(import.meta.dirname, "main.ts");
const HOUR_MS = 3_600_000;

async function subject(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-keys-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const store = openSqliteStore(join(directory, STORE_FILE));
  t.after(() => store.close());
  const keys = (...args: string[]) =>
    runProgram(process.execPath, [MAIN, "keys", ...args, "--data", directory], { cwd: directory, env: {} });
  return { store, keys };
}

test("a rotation makes a key and says how long the one before is valid; no secret is shown", async (t) => {
  const { store, keys } = await subject(t);

  succeeded(await keys("rotate"));
  const started = Date.now();
  const lines = succeeded(await keys("rotate", "--valid-for", "2h", "--json"))
    .stdout.trim()
    .split("\n");
  const [current, previous, ...more] = lines.map(
    (line) => JSON.parse(line) as { id: string; validUntil?: number },
  );
  assert.deepEqual(more, []);
  assert.equal(current?.validUntil, undefined);
  const lasts = (previous?.validUntil ?? 0) - started;
  assert.ok(lasts > HOUR_MS && lasts < 3 * HOUR_MS, String(lasts));
  const ring = await findSigningKeys(store);
  assert.deepEqual(
    ring?.map(({ id }) => id),
    [current?.id, previous?.id],
  );

  const listed = succeeded(await keys("list")).stdout;
  assert.match(listed, new RegExp(`^${current?.id} .*signs now\n${previous?.id} .*until 2\\d{3}-`, "mu"));
  for (const { secret } of ring ?? []) assert.ok(!listed.includes(secret) && !lines.join().includes(secret));

  const [verb, time, stray] = await Promise.all([
    keys("remove"),
    keys("rotate", "--valid-for", "2"),
    keys("list", "--valid-for", "2h"),
  ]);
  assert.match(verb.stderr, /there is no verb "remove"/u);
  assert.match(time.stderr, /--valid-for is "2"; it must be a time like 90m, 24h or 7d/u);
  assert.match(stray.stderr, /--valid-for means nothing to keys list/u);
});

test("a rotation says what becomes of the attempts that run", async (t) => {
  const { store, keys } = await subject(t);

  assert.equal(succeeded(await keys("rotate")).stderr, "");
  const { root } = await storeRun(store, {}, newTask(ROOT_ACTION, undefined, {}, 1));
  const state = { ...root.state, phase: "running", attempt: 1, startedAt: 1, runningAt: 1 } as const;
  const work = await store.acquire("test");
  await work.advance({ action: root, state, effects: [], attempt: { attempt: 1 }, at: 1 });

  const rotated = succeeded(await keys("rotate", "--valid-for", "1h"));
  assert.match(
    rotated.stderr,
    /^1 task attempt is running\. The tokens and keys of running attempts stay valid until each ends/u,
  );
  assert.match(rotated.stdout, / until 2\d{3}-.* UTC, and for 1 running attempt until the end\n$/u);
  const ended = succeeded(await keys("rotate", "--valid-for", "0s"));
  assert.match(ended.stderr, /^1 task attempt is running\. .* refused within 5 seconds\.\n$/u);
  assert.equal((await findSigningKeys(store))?.length, 1);
});
