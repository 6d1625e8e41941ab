/**
 * What one page gets of its run: the actions that changed, and the sections whose content changed. Pages at the
 * same cursor share what is read, rendered and encoded (services/change-feed.ts).
 */
import { ROOT_ACTION } from "../domain/ids.ts";
import { isTerminal } from "../domain/phase.ts";
import type { RunRecord } from "../domain/run.ts";
import { topicOf, type Subscription } from "../services/change-feed.ts";
import { requireAction, requireRun } from "../store/require.ts";
import { hasLog, viewAction } from "./action-view.ts";
import type { ShownLogChannel } from "./log-channel.ts";
import type { PageContext } from "./page-context.ts";
import { firstSection, readFirst } from "./first-section.ts";
import { notesSection } from "./notes-section.ts";
import { runHead } from "./run-section.ts";
import { actionSections, SECTION_NAMES } from "./sections.ts";
import { encodeLine } from "./stream-message.ts";
import { treeRow } from "./tree-row.ts";

/** Actions in one message. */
const BATCH = 500;
/** Changes within this time are sent together. */
const PAUSE_MS = 150;
/** A live attempt's log that does not exist yet is asked for this often. */
const LOG_RETRY_MS = 1_000;

export interface Watch {
  readonly run: RunRecord;
  readonly action: string;
  /** The attempt whose log was asked for; the latest one otherwise. */
  readonly wantedAttempt: number | undefined;
  /** The page has every change up to this one. */
  readonly after: number;
}

type WatchContext = Pick<
  PageContext,
  "store" | "feed" | "clock" | "objects" | "bucket" | "logs" | "log" | "inputs"
>;
/** Sends lines as they are; resolves when the client takes more. */
type Send = (lines: string) => Promise<void>;

/** Resolves when nothing can change any more, or the signal aborts. */
export async function watchRun(
  context: WatchContext,
  { run, action, wantedAttempt, after }: Watch,
  log: ShownLogChannel,
  send: Send,
  signal: AbortSignal,
): Promise<void> {
  const { store, clock } = context;
  const subscription = context.feed.subscribe(topicOf.run(run.id), signal);
  const shared = sharedReads(context, run, subscription);
  const pause = (ms: number) => clock.sleep(ms, { signal }).catch(() => {});
  let cursor = after;
  let rootSeen = -1;
  let actionSeen = -1;
  const sent = new Map<string, string>();
  const sendSection = async ({ id, line }: Section) => {
    if (sent.get(id) === line) return;
    sent.set(id, line);
    await send(line);
  };
  try {
    await send(encodeLine({ type: "hello", now: clock.now() }));
    // One wait lasts over several turns: the log may end before the run changes again.
    let change: Promise<void> | undefined;
    while (!signal.aborted) {
      const root = await shared.root();
      if (root.seq > rootSeen) await sendSection(root.head);
      await sendSection(await shared.first(action));
      await sendSection(await shared.notes());
      rootSeen = Math.max(rootSeen, root.seq);
      for (let isAll = false; !isAll;) {
        const rows = await shared.rows(cursor);
        if (rows.line !== undefined) await send(rows.line);
        ({ cursor, isAll } = rows);
      }
      const record = await shared.action(action);
      const { phase, attempt } = record.state;
      const logAttempt = wantedAttempt ?? attempt;
      if (record.seq > actionSeen) {
        const view = await shared.sections(action, logAttempt);
        if (actionSeen < 0) await send(encodeLine({ type: "action", name: action, hasLog: view.hasLog }));
        actionSeen = view.seq;
        for (const section of view.sections) await sendSection(section);
      }
      // The log of an earlier attempt is as it is.
      log.show(logAttempt, isTerminal(phase) || logAttempt < attempt);
      if (root.isOver && log.isComplete && !(await hasLiveActions(store, run))) {
        await send(encodeLine({ type: "end" }));
        return;
      }
      change ??= subscription.next().then(() => (change = undefined));
      await Promise.race([
        change,
        ...(log.isComplete || logAttempt === 0 ? [] : [log.following ?? pause(LOG_RETRY_MS)]),
      ]);
      await pause(PAUSE_MS);
    }
  } finally {
    subscription.close();
  }
}

interface Section {
  readonly id: string;
  readonly line: string;
}

function sectionOf(id: string, content: { toString(): string }): Section {
  return { id, line: encodeLine({ type: "section", id, html: content.toString() }) };
}

/** Each is read and rendered once for all pages that ask for it between two changes. */
function sharedReads(context: WatchContext, run: RunRecord, { shared }: Subscription) {
  const { store, clock } = context;
  const root = () =>
    shared("root", async () => {
      const [present, root] = await Promise.all([
        requireRun(store, run.key),
        requireAction(store, { ...run.key, action: ROOT_ACTION }),
      ]);
      const head = sectionOf("run", runHead(present, root, clock.now()));
      return { seq: root.seq, isOver: isTerminal(root.state.phase), head, run: present, record: root };
    });
  const first = () =>
    shared("first", async () => {
      const present = await root();
      return readFirst(context, present.run, present.record);
    });
  return {
    root,
    notes: () => shared("notes", async () => sectionOf("notes", notesSection(await store.runNotes(run)))),
    first: (action: string) =>
      shared(`first ${action}`, async () => sectionOf("first", firstSection(await first(), action))),
    rows: (after: number) =>
      shared(`rows after ${after}`, async () => {
        const changed = await store.changedActions(run, after, BATCH);
        const cursor = changed.at(-1)?.seq ?? after;
        const line =
          changed.length === 0
            ? undefined
            : encodeLine({ type: "actions", rows: changed.map(treeRow), cursor });
        return { line, cursor, isAll: changed.length < BATCH };
      }),
    action: (action: string) =>
      shared(`action ${action}`, () => requireAction(store, { ...run.key, action })),
    sections: (action: string, logAttempt: number) =>
      shared(`sections ${logAttempt} ${action}`, async () => {
        const view = await viewAction(
          context,
          await requireAction(store, { ...run.key, action }),
          logAttempt,
        );
        const html = actionSections(view);
        return {
          seq: view.record.seq,
          hasLog: hasLog(view),
          sections: SECTION_NAMES.map((name) => sectionOf(name, html[name])),
        };
      }),
  };
}

/** The end of the root ends its children, one after the other. */
async function hasLiveActions(store: WatchContext["store"], run: RunRecord): Promise<boolean> {
  const where = [{ field: "end_time", comparison: "=" as const, values: [0] }];
  return (await store.listActions(run.key, { limit: 1, token: "", where })).items.length > 0;
}
