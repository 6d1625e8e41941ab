/** A store that an earlier version wrote is migrated with all that is in it, and works. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { ResolvedImage } from "../../domain/image.ts";
import { EVERYONE, LOCAL } from "../../domain/principal.ts";
import { NO_SETTINGS } from "../../domain/run.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const AT = 1_700_000_000_000;
const PINNED: ResolvedImage = {
  reference: "python:3.12",
  pinned: "python@sha256:1",
  digest: "sha256:1",
  source: "registry",
};

/** As the program wrote it whose schema was the first: a root that runs, and a child of each kind. */
function writeFirstStore(file: string): void {
  const sqlite = new DatabaseSync(file);
  sqlite.exec(readFileSync(join(import.meta.dirname, "migrations", "0001_first.sql"), "utf8"));
  const definition = { requests: { cpu: 2 }, limits: { memoryBytes: 1_024 }, reads: [] };
  sqlite
    .prepare("INSERT INTO task_specs (digest, bytes, definition) VALUES ('d', x'07', ?)")
    .run(JSON.stringify(definition));
  sqlite.exec(`INSERT INTO tasks (project, domain, name, version, spec_digest, deployed_at)
    VALUES ('p', 'development', 'env.task', '1', 'd', ${AT})`);
  sqlite
    .prepare(
      `INSERT INTO runs (id, project, domain, name, spec, settings, base_uri, source, created_at, accepted_at, actions)
       VALUES (1, 'p', 'development', 'r1', x'', ?, 's3://b/r1', 'cli', ${AT}, ${AT}, 3)`,
    )
    .run(JSON.stringify({ ...NO_SETTINGS, maxConcurrency: 3 }));
  sqlite
    .prepare("INSERT INTO run_images (run_id, reference, image) VALUES (1, 'python:3.12', ?)")
    .run(JSON.stringify(PINNED));
  const rows = [
    ["a0", null, "task", "d", "running", 1, null],
    ["queued", "a0", "task", "d", "waiting_for_resources", 0, "waiting: needs 4 CPU, 2 free"],
    ["ask", "a0", "condition", null, "paused", 0, null],
  ] as const;
  for (const [index, [name, parent, kind, digest, phase, attempt, reason]] of rows.entries()) {
    sqlite
      .prepare(
        `INSERT INTO actions (run_id, name, parent, kind, group_name, queue, spec_digest, display_name, task_name,
           task_version, task_type, environment, input_uri, policy, phase, attempt, user_failures, system_failures,
           created_at, queued_at, not_before, reason, cache_status, version, seq)
         VALUES (1, ?, ?, ?, '', '', ?, 'task', 'env.task', '1', 'python', 'env', '', '{"userRetries":0}', ?, ?, 0, 0,
           ${AT}, ${AT}, ${AT}, ?, 'disabled', 1, ?)`,
      )
      .run(name, parent, kind, digest, phase, attempt, reason, index + 1);
    sqlite
      .prepare("INSERT INTO events (action_id, attempt, phase, at) VALUES (?, ?, ?, ?)")
      .run(index + 1, attempt, phase, AT);
  }
  sqlite.exec(`INSERT INTO attempts (action_id, attempt, created_at) VALUES (1, 1, ${AT})`);
  for (const type of ["ended", "sendWebhook"])
    sqlite
      .prepare(`INSERT INTO effects (action_id, effect, created_at) VALUES (3, ?, ${AT})`)
      .run(JSON.stringify({ type }));
  sqlite.exec("PRAGMA user_version = 1");
  sqlite.close();
}

/** As callers were recorded before they had names. */
const NOBODY = { who: "local", client: "", from: "" };

test("a store of the first schema is migrated with its rows, and its runs go on", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "boxkite-migrations-"));
  const file = join(directory, "store.sqlite");
  writeFirstStore(file);
  const store = openSqliteStore(file);
  t.after(async () => {
    await store.close();
    rmSync(directory, { recursive: true });
  });
  const run = await store.getRun({ project: "p", domain: "development", run: "r1" });
  assert.ok(run);
  assert.deepEqual(run.createdBy, NOBODY);
  assert.deepEqual(run.authority, EVERYONE);
  assert.equal(run.status, "paused");
  assert.deepEqual((await store.newestPin(run.key, "python:3.12"))?.image, PINNED);
  const key = { project: "p", domain: "development", name: "env.task", version: "1" };
  assert.deepEqual((await store.getTask(key))?.deployedBy, NOBODY);

  const work = await store.acquire("second");
  const [live] = await work.liveAttempts();
  assert.deepEqual([live?.action.key.action, live?.takes], ["a0", { cpu: 2, memoryBytes: 1_024 }]);
  const [head] = await work.queueHeads("", AT, 10);
  assert.deepEqual([head?.action.key.action, head?.maxConcurrency], ["queued", 3]);
  assert.deepEqual(
    (await work.unfinishedChildren()).map(({ runId, parent }) => [runId, parent]),
    [
      [1, "a0"],
      [1, "a0"],
    ],
  );
  for (const [lane, type] of [
    ["own", "ended"],
    ["webhooks", "sendWebhook"],
  ] as const)
    assert.deepEqual(
      (await work.pendingEffects(lane, AT, 10)).map(({ effect }) => effect.type),
      [type],
    );
  assert.ok(head);
  const state = { ...head.action.state, phase: "initializing", attempt: 1, reason: undefined } as const;
  const admitted = await work.advance({ action: head.action, state, effects: [], at: AT, by: LOCAL });
  assert.ok(admitted !== "conflict");
  assert.equal(admitted.seq, 4);
  const changed = await store.changedActions(run, 0, 10);
  assert.deepEqual(
    changed.map(({ key: { action } }) => action),
    ["a0", "ask", "queued"],
  );
});

test("migrations are numbered without a gap and without a number twice: a database keeps how many it has seen", () => {
  const names = readdirSync(join(import.meta.dirname, "migrations")).toSorted();
  const numbers = names.map((name) => name.slice(0, 5));
  assert.deepEqual(
    numbers,
    names.map((_, index) => `${String(index + 1).padStart(4, "0")}_`),
  );
});

test("a new store has its schema in one commit", (t) => {
  const exec = t.mock.method(DatabaseSync.prototype, "exec");
  const store = openSqliteStore(":memory:");
  t.after(() => store.close());
  const commits = exec.mock.calls.filter(({ arguments: [sql] }) => sql.includes("COMMIT"));
  assert.equal(commits.length, 1);
});
