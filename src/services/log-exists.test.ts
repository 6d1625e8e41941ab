import assert from "node:assert/strict";
import { test } from "node:test";
import type { ActionRecord } from "../domain/action-record.ts";
import type { AttemptRecord } from "../domain/attempt.ts";
import type { RunRecord } from "../domain/run.ts";
import type { StoreReader } from "../store/reader.ts";
import { logExists } from "./log-exists.ts";

const NOW = 1_700_000_000_000;
const KEY = { project: "p", domain: "development", run: "r1", action: "a0" };

async function exists(
  attempt: number,
  { records = [], run = {}, isWritten = false }: Known = {},
): Promise<boolean> {
  const attempts = records.map((each) => ({ createdAt: NOW, transitions: [], ...each }));
  const store = { listAttempts: async () => attempts, getRun: async () => run } as unknown as StoreReader;
  return await logExists(
    { store, logs: { exists: async () => isWritten } },
    { key: KEY } as ActionRecord,
    attempt,
  );
}

interface Known {
  readonly records?: readonly (Pick<AttemptRecord, "attempt"> & Partial<AttemptRecord>)[];
  readonly run?: Partial<RunRecord>;
  readonly isWritten?: boolean;
}

test("an attempt that has run has a log, also where it wrote nothing, until the logs of its run are removed", async () => {
  const records = [{ attempt: 1 }, { attempt: 2, startedAt: NOW }, { attempt: 3, exitCode: 0 }];
  assert.equal(await exists(1, { records }), false, "it did not start");
  assert.equal(await exists(2, { records }), true);
  assert.equal(await exists(3, { records }), true);
  assert.equal(await exists(4, { records }), false, "there was none");
  assert.equal(await exists(2, { records, run: { logsRemovedAt: NOW } }), false);
});

test("an attempt that wrote before it started has a log", async () => {
  assert.equal(await exists(1, { records: [{ attempt: 1 }], isWritten: true }), true);
});
