/** What watches send, as batches that all watches at the same cursor share. */
import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import type { ActionKey } from "../domain/ids.ts";
import { isTerminal } from "../domain/phase.ts";
import type { RunRecord } from "../domain/run.ts";
import type { Clock } from "../lib/clock.ts";
import { attemptPrefix } from "../orchestrator/paths.ts";
import type { StoreReader } from "../store/reader.ts";
import { requireAction } from "../store/require.ts";
import { encodeActionDetails, encodeRunDetails, encodeUpdate, type DetailSources } from "../wire/details.ts";
import { WatchForUpdatesResponseSchema } from "../wire/gen/flyteidl2/actions/actions_service_pb.js";
import {
  WatchActionDetailsResponseSchema,
  WatchRunDetailsResponseSchema,
} from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import { topicOf, type ChangeFeed } from "./change-feed.ts";
import { batchOf, type Delivery } from "./direct-stream.ts";
import { detailSources } from "./detail-sources.ts";
import { remindersUntil } from "./reminders.ts";

export interface WatchContext {
  readonly store: StoreReader;
  readonly feed: ChangeFeed;
}

export interface ChildWatchContext extends WatchContext {
  readonly clock: Clock;
}

/** Children in one batch. */
const BATCH = 500;
const SENTINEL = batchOf(WatchForUpdatesResponseSchema, [
  create(WatchForUpdatesResponseSchema, { message: { case: "controlMessage", value: { sentinel: true } } }),
]);

/** All children as they are, a sentinel, then each that changes. */
export async function* watchChildren(
  { store, feed, clock }: ChildWatchContext,
  run: RunRecord,
  parent: string,
  signal: AbortSignal,
): AsyncIterable<Delivery<typeof WatchForUpdatesResponseSchema>> {
  const read = async (after: number) => {
    const changed = await store.changedChildren(run, parent, after, BATCH);
    const messages = changed.map((child) => {
      const expected = attemptPrefix(run.baseUri, child.key, Math.max(1, child.state.attempt));
      const message = { case: "actionUpdate" as const, value: encodeUpdate(child, expected) };
      return create(WatchForUpdatesResponseSchema, { message });
    });
    return {
      batch: batchOf(WatchForUpdatesResponseSchema, messages),
      cursor: changed.at(-1)?.seq ?? after,
      isAll: changed.length < BATCH,
    };
  };
  const subscription = feed.subscribe(topicOf.children(run.id, parent), signal);
  try {
    let isSnapshot = true;
    for (let after = 0; !signal.aborted;) {
      const from = after;
      const { batch, cursor, isAll } = await subscription.shared(`after ${from}`, () => read(from));
      after = cursor;
      yield { batch, isBacklog: isSnapshot || !isAll };
      if (!isAll) continue;
      if (isSnapshot) yield { batch: SENTINEL, isBacklog: true };
      isSnapshot = false;
      // The SDK takes another sentinel for no news.
      yield* remindersUntil(subscription.next(), { batch: SENTINEL, isBacklog: false }, clock);
    }
  } finally {
    subscription.close();
  }
}

export function watchActionDetails(
  context: WatchContext,
  key: ActionKey,
  signal: AbortSignal,
): AsyncIterable<Delivery<typeof WatchActionDetailsResponseSchema>> {
  return watchDetails(context, key, signal, WatchActionDetailsResponseSchema, (sources) =>
    create(WatchActionDetailsResponseSchema, { details: encodeActionDetails(sources) }),
  );
}

/** `key`: of the run's root. */
export function watchRunDetails(
  context: WatchContext,
  key: ActionKey,
  signal: AbortSignal,
): AsyncIterable<Delivery<typeof WatchRunDetailsResponseSchema>> {
  return watchDetails(context, key, signal, WatchRunDetailsResponseSchema, (sources) =>
    create(WatchRunDetailsResponseSchema, { details: encodeRunDetails(sources) }),
  );
}

/** The action as it is now, then after each change, until it has ended. */
async function* watchDetails<D extends DescMessage>(
  { store, feed }: WatchContext,
  key: ActionKey,
  signal: AbortSignal,
  schema: D,
  encode: (sources: DetailSources) => MessageShape<D>,
): AsyncIterable<Delivery<D>> {
  const read = async () => {
    const record = await requireAction(store, key);
    return { record, batch: batchOf(schema, [encode(await detailSources(store, record))]) };
  };
  const first = await requireAction(store, key);
  const subscription = feed.subscribe(topicOf.action(first.id), signal);
  try {
    for (let seen = -1; !signal.aborted;) {
      const { record, batch } = await subscription.shared(schema.name, read);
      if (record.seq > seen) yield { batch, isBacklog: seen < 0 };
      seen = record.seq;
      if (isTerminal(record.state.phase)) return;
      await subscription.next();
    }
  } finally {
    subscription.close();
  }
}
