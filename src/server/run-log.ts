/**
 * One line in the server's log when a run starts, one when it ends, and one when it asks somebody. Under load they are
 * counted instead.
 */
import type { ActionRecord } from "../domain/action-record.ts";
import { isTerminal } from "../domain/phase.ts";
import type { Clock, Timer } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { actionPath, runPath } from "../pages/paths.ts";
import type { StoreReader } from "../store/reader.ts";

/** Lines in a period; what happens beyond is counted, and the counts are one line at the period's end. */
const LINES_PER_PERIOD = 20;
const PERIOD_MS = 10_000;
/** Runs that are remembered to have ended, since a record may change after that. */
const MAX_REMEMBERED = 1_000;
const MAX_ERROR_LENGTH = 200;

export interface RunLogOptions {
  readonly store: Pick<StoreReader, "onChange">;
  /** Of the pages, such as `http://localhost:30080`. */
  readonly origin: () => string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The result ends it. */
export function logRuns({ store, origin, clock, log }: RunLogOptions): () => void {
  const ended = new Set<number>();
  const counts = new Map<string, number>();
  let lines = 0;
  let period: Timer | undefined;

  const endPeriod = () => {
    period = undefined;
    lines = 0;
    if (counts.size > 0) log.info("further runs", Object.fromEntries(counts));
    counts.clear();
  };
  const write = (what: string, message: string, fields: () => object) => {
    period ??= clock.timer(PERIOD_MS, endPeriod);
    if (lines++ < LINES_PER_PERIOD) log.info(message, { ...fields() });
    else counts.set(what, (counts.get(what) ?? 0) + 1);
  };
  const remember = (id: number) => {
    ended.add(id);
    const [oldest] = ended;
    if (ended.size > MAX_REMEMBERED && oldest !== undefined) ended.delete(oldest);
  };
  const changed = (root: ActionRecord) => {
    const { key, state } = root;
    const url = () => `${origin()}${runPath(key)}`;
    if (isTerminal(state.phase)) {
      if (ended.has(root.id)) return;
      remember(root.id);
      write(state.phase, `run ${state.phase.replace("_", " ")}`, () => ({
        run: key.run,
        ...seconds(root),
        ...why(root),
        url: url(),
      }));
    } else if (root.version === 1) {
      write("started", "run started", () => ({ run: key.run, task: root.taskName, url: url() }));
    }
  };
  const asked = ({ key, displayName }: ActionRecord) => {
    const url = `${origin()}${actionPath(key, key.action)}`;
    write("waiting", "a condition waits for an answer", () => ({
      run: key.run,
      condition: displayName,
      url,
    }));
  };

  const stop = store.onChange((actions) => {
    for (const action of actions) {
      if (action.parent === undefined) changed(action);
      else if (action.version === 1 && action.state.phase === "paused") asked(action);
    }
  });
  return () => {
    stop();
    period?.cancel();
    if (counts.size > 0) endPeriod();
  };
}

/** Since its creation, with one decimal. */
function seconds({ state }: ActionRecord): { readonly seconds?: number } {
  if (state.endedAt === undefined) return {};
  return { seconds: Math.round(Math.max(0, state.endedAt - state.createdAt) / 100) / 10 };
}

function why({ state }: ActionRecord): { readonly error?: string; readonly reason?: string } {
  if (state.error !== undefined) {
    const [line = ""] = state.error.message.trim().split("\n");
    const shown = line.length > MAX_ERROR_LENGTH ? `${line.slice(0, MAX_ERROR_LENGTH)}…` : line;
    return { error: `${state.error.code}: ${shown}` };
  }
  return state.phase === "aborted" && state.abortReason !== undefined
    ? { reason: state.abortReason.slice(0, MAX_ERROR_LENGTH) }
    : {};
}
