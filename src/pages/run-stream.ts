/**
 * A run page's live connection: one response of JSON lines for the tree, the chosen action and its
 * log. It starts from what the page says it has seen, so it may break off and be opened again at any
 * time, also to a restarted server. It ends by itself when nothing can change any more.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { ROOT_ACTION, type RunKey } from "../domain/ids.ts";
import { isTerminal } from "../domain/phase.ts";
import type { Clock } from "../lib/clock.ts";
import { topicOf, type Subscription } from "../services/change-feed.ts";
import type { PageContext } from "./page-context.ts";
import { requireAction } from "../store/require.ts";
import type { RunRecord } from "../domain/run.ts";
import { chosenAction, hasLog, readAction } from "./action-view.ts";
import { LogChannel } from "./log-channel.ts";
import { shownLine, type ShownLine } from "./log-text.ts";
import { drained, goneSignal, numberIn, queryOf, setCommonHeaders } from "./respond.ts";
import { runHead } from "./run-section.ts";
import { actionSections, SECTION_NAMES } from "./sections.ts";
import { treeRow, type TreeRow } from "./tree-row.ts";

export type StreamMessage =
  | { readonly type: "hello"; readonly now: number }
  /** Actions that changed; `cursor` goes into the next request. */
  | { readonly type: "actions"; readonly rows: readonly TreeRow[]; readonly cursor: number }
  | { readonly type: "section"; readonly id: string; readonly html: string }
  /** The sections of this action follow. */
  | { readonly type: "action"; readonly name: string; readonly hasLog: boolean }
  | {
      readonly type: "log";
      readonly attempt: number;
      readonly from: number;
      readonly lines: readonly ShownLine[];
    }
  /** Nothing changes any more. */
  | { readonly type: "end" };

const BATCH = 500;
/** Changes within this time are told together. */
const PACE_MS = 150;
/** An empty line now and then tells a silent connection from a dead one. */
const HEARTBEAT_MS = 10_000;
/** A live attempt's log that is not there yet is asked for this often. */
const LOG_RETRY_MS = 1_000;

/** Throws RUN_NOT_FOUND or ACTION_NOT_FOUND before it has answered. */
export async function streamRun(
  context: PageContext,
  request: IncomingMessage,
  response: ServerResponse,
  key: RunKey,
): Promise<void> {
  const query = queryOf(request);
  const run = await context.access.run(context.by, "read", key);
  const { key: action } = await context.access.action(context.by, "read", {
    ...key,
    action: chosenAction(query),
  });
  setCommonHeaders(response, "application/x-ndjson");
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  const over = new AbortController();
  const signal = AbortSignal.any([goneSignal(response), over.signal]);
  const send = (message: StreamMessage): Promise<void> => {
    if (!signal.aborted) response.write(`${JSON.stringify(message)}\n`);
    return drained(response, signal);
  };
  const log = new LogChannel({
    logs: context.logs,
    clock: context.clock,
    log: context.log,
    action,
    seen: { attempt: numberIn(query, "log") ?? 0, line: numberIn(query, "line") ?? 0 },
    signal,
    deliver: (attempt, { from, lines }) => send({ type: "log", attempt, from, lines: lines.map(shownLine) }),
  });
  const heartbeat = sendHeartbeats(response, context.clock, signal);
  try {
    const watch = {
      run,
      action: action.action,
      wantedAttempt: numberIn(query, "attempt"),
      after: numberIn(query, "after") ?? 0,
    };
    await watchRun(context, watch, log, send, signal);
  } finally {
    over.abort();
    await heartbeat;
    response.end();
  }
}

/** Resolves when the signal aborts. */
async function sendHeartbeats(response: ServerResponse, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(HEARTBEAT_MS, { signal }).catch(() => {});
    if (signal.aborted) return;
    response.write("\n");
  }
}

interface Watch {
  readonly run: RunRecord;
  readonly action: string;
  /** The attempt whose log was asked for; the latest one otherwise. */
  readonly wantedAttempt: number | undefined;
  readonly after: number;
}

type Send = (message: StreamMessage) => Promise<void>;

async function watchRun(
  context: PageContext,
  watch: Watch,
  log: LogChannel,
  send: Send,
  signal: AbortSignal,
): Promise<void> {
  const { store, feed, clock } = context;
  const { run } = watch;
  const subscription = feed.subscribe(topicOf.run(run.id), signal);
  let cursor = watch.after;
  let rootSeen = -1;
  let actionSeen = -1;
  const sent = new Map<string, string>();
  const sendSection = async (id: string, html: string) => {
    if (sent.get(id) === html) return;
    sent.set(id, html);
    await send({ type: "section", id, html });
  };
  try {
    await send({ type: "hello", now: clock.now() });
    // One wait lasts over several turns: the log may end before the run changes again.
    let change: Promise<void> | undefined;
    while (!signal.aborted) {
      const root = await subscription.shared("root", () =>
        requireAction(store, { ...run.key, action: ROOT_ACTION }),
      );
      if (root.seq > rootSeen) {
        rootSeen = root.seq;
        await sendSection("run", runHead(run, root, clock.now()).toString());
      }
      cursor = await sendActions(context, run, subscription, cursor, send);
      const record = await subscription.shared(`action ${watch.action}`, () =>
        requireAction(store, { ...run.key, action: watch.action }),
      );
      const { phase, attempt } = record.state;
      const logAttempt = watch.wantedAttempt ?? attempt;
      if (record.seq > actionSeen) {
        const view = await subscription.shared(`view ${watch.action}`, () =>
          readAction(context, run.key, watch.action),
        );
        if (view === undefined) return;
        if (actionSeen < 0) await send({ type: "action", name: watch.action, hasLog: hasLog(view) });
        actionSeen = view.record.seq;
        const sections = actionSections(view, logAttempt);
        for (const name of SECTION_NAMES) await sendSection(name, sections[name].toString());
      }
      // The log of an earlier attempt is as it is.
      log.show(logAttempt, isTerminal(phase) || logAttempt < attempt);
      if (isTerminal(root.state.phase) && log.isComplete && !(await hasLiveActions(context, run))) {
        await send({ type: "end" });
        return;
      }
      change ??= subscription.next().then(() => (change = undefined));
      await Promise.race([
        change,
        ...(log.isComplete || logAttempt === 0
          ? []
          : [log.following ?? clock.sleep(LOG_RETRY_MS, { signal }).catch(() => {})]),
      ]);
      await clock.sleep(PACE_MS, { signal }).catch(() => {});
    }
  } finally {
    subscription.close();
  }
}

async function sendActions(
  { store }: PageContext,
  run: RunRecord,
  subscription: Subscription,
  after: number,
  send: Send,
): Promise<number> {
  for (let from = after; ;) {
    const { rows, cursor } = await subscription.shared(`rows after ${from}`, async () => {
      const changed = await store.changedActions(run, from, BATCH);
      return { rows: changed.map(treeRow), cursor: changed.at(-1)?.seq ?? from };
    });
    from = cursor;
    if (rows.length > 0) await send({ type: "actions", rows, cursor });
    if (rows.length < BATCH) return cursor;
  }
}

/** The end of the root ends its children, one after the other. */
async function hasLiveActions({ store }: PageContext, run: RunRecord): Promise<boolean> {
  const where = [{ field: "end_time", comparison: "=" as const, values: [0] }];
  return (await store.listActions(run.key, { limit: 1, token: "", where })).items.length > 0;
}
