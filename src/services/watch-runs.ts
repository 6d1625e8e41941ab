/** The watch of many runs: those that match, as they are, then each that is made or changes. */
import { create } from "@bufbuild/protobuf";
import type { ListedRun, RunScope } from "../domain/list.ts";
import { encodeRun } from "../wire/details.ts";
import { WatchRunsResponseSchema } from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import { topicOf } from "./change-feed.ts";
import { batchOf, type Batch, type Delivery } from "./direct-stream.ts";
import type { WatchContext } from "./watches.ts";

type RunsBatch = Batch<typeof WatchRunsResponseSchema>;

/** Runs in one message. Reading and encoding so many takes about 6 ms, in which no other call is served. */
const BATCH = 100;

/** The first message may be empty: it says that there is no such run yet. */
export async function* watchRuns(
  { store, feed }: WatchContext,
  scope: RunScope,
  signal: AbortSignal,
): AsyncIterable<Delivery<typeof WatchRunsResponseSchema>> {
  const subscription = feed.subscribe(topicOf.runs(scope), signal);
  const changedAfter = (cursor: string) =>
    subscription.shared(`changed ${JSON.stringify([scope, cursor])}`, () =>
      store.changedRuns(scope, cursor, BATCH),
    );
  const encoded = (runs: readonly ListedRun[]) =>
    subscription.shared(`encoded ${runs.map(versionOf).join(" ")}`, async () => batchOfRuns(runs));
  try {
    let cursor = "";
    // The store may return a run again that did not change: docs/decisions/0005-change-order-is-per-run.md.
    let sent: ReadonlySet<string> = new Set();
    let isSnapshot = true;
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      const changed = await changedAfter(cursor);
      const unsent = changed.items.filter((run) => !sent.has(versionOf(run)));
      sent = new Set(changed.items.map(versionOf));
      const hasMore = changed.items.length === BATCH && changed.cursor !== cursor;
      if (isFirst || unsent.length > 0)
        yield { batch: await encoded(unsent), isBacklog: isSnapshot || hasMore };
      cursor = changed.cursor;
      if (hasMore) continue;
      isSnapshot = false;
      await subscription.next();
    }
  } finally {
    subscription.close();
  }
}

/** Numbers of changes are comparable within a run only. */
function versionOf({ run, root }: ListedRun): string {
  return `${run.id}:${root.seq}`;
}

function batchOfRuns(runs: readonly ListedRun[]): RunsBatch {
  return batchOf(WatchRunsResponseSchema, [create(WatchRunsResponseSchema, { runs: runs.map(encodeRun) })]);
}
