/**
 * Reproductions: actions that people run again on a terminal. Each has an identity of its own, which ends when its caller
 * says so, after a time, or with the server: nothing of it is stored.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import type { ActionRecord } from "../domain/action-record.ts";
import type { TimeMs } from "../domain/action.ts";
import type { AttemptKey } from "../domain/attempt.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { runKeyText } from "../domain/ids.ts";
import type { Clock, Timer } from "../lib/clock.ts";
import { REPRODUCTION_TOKEN_PREFIX } from "../lib/token-text.ts";
import { attemptOfName, nameOfAttempt } from "./attempt-name.ts";

/** What is known of a trace that its program records, beyond the record of the action. */
export type NewTrace = Pick<ActionRecord, "key" | "state">;

export interface Reproduction {
  readonly id: string;
  /** Which attempt is run again. */
  readonly of: AttemptKey;
  /** Object URI without a trailing slash: all that it may write is below. */
  readonly prefix: string;
  readonly untilMs: TimeMs;
  /** In the order in which they were recorded. */
  readonly traces: readonly NewTrace[];
}

export interface Reproductions {
  /** `baseUri`: of the run. Throws LIMIT_EXCEEDED. */
  begin(of: AttemptKey, baseUri: string): Reproduction & { readonly token: string };
  /** Undefined for one that has ended. */
  find(id: string): Reproduction | undefined;
  ofToken(token: string): Reproduction | undefined;
  /** Kept for as long as the reproduction, for those who watch its calls; once. Throws LIMIT_EXCEEDED. */
  recordTrace(id: string, trace: NewTrace): void;
  /** Calls back after each trace. Returns a function that stops that. */
  onTrace(id: string, listener: () => void): () => void;
  end(id: string): void;
  /** Calls back when it ends, not where it has ended before. Returns a function that stops that. */
  onEnd(id: string, end: () => void): () => void;
  /** Ends all. */
  close(): void;
}

/** Of a working day: who forgets a terminal leaves no rights behind for longer. */
export const REPRODUCTION_LIFETIME_MS = 8 * 3_600_000;

/** At one time, of one run: each has a member in the run's network. */
export const MOST_OF_A_RUN = 20;

/** They are kept in memory. */
export const MOST_TRACES = 1_000;

interface Live extends Reproduction {
  readonly token: string;
  readonly traces: NewTrace[];
  readonly timer: Timer;
  readonly onEnd: Set<() => void>;
  readonly onTrace: Set<() => void>;
}

export function createReproductions(clock: Clock): Reproductions {
  const live = new Map<string, Live>();

  const end = (id: string): void => {
    const ended = live.get(id);
    if (ended === undefined) return;
    live.delete(id);
    ended.timer.cancel();
    for (const callBack of ended.onEnd) callBack();
  };

  return {
    begin: (of, baseUri) => {
      const run = runKeyText(of);
      const siblings = live.values().filter((each) => runKeyText(each.of) === run);
      if ([...siblings].length >= MOST_OF_A_RUN) throw tooManyOfRun(of);
      const id = randomBytes(8).toString("hex");
      const begun: Live = {
        id,
        of,
        prefix: `${baseUri}/${of.action}/reproductions/${id}`,
        untilMs: clock.now() + REPRODUCTION_LIFETIME_MS,
        token: `${REPRODUCTION_TOKEN_PREFIX}${id}.${randomBytes(32).toString("base64url")}`,
        traces: [],
        timer: clock.timer(REPRODUCTION_LIFETIME_MS, () => end(id)),
        onEnd: new Set(),
        onTrace: new Set(),
      };
      live.set(id, begun);
      return begun;
    },
    find: (id) => live.get(id),
    ofToken: (token) => {
      if (!isReproductionToken(token)) return undefined;
      const [id = ""] = token.slice(REPRODUCTION_TOKEN_PREFIX.length).split(".");
      const found = live.get(id);
      return found !== undefined && isSame(found.token, token) ? found : undefined;
    },
    recordTrace: (id, trace) => {
      const found = live.get(id);
      const { action } = trace.key;
      if (found === undefined || found.traces.some(({ key }) => key.action === action)) return;
      if (found.traces.length === MOST_TRACES) throw tooManyTraces();
      found.traces.push(trace);
      for (const listener of found.onTrace) listener();
    },
    onTrace: (id, listener) => listen(live.get(id)?.onTrace, listener),
    end,
    onEnd: (id, callBack) => listen(live.get(id)?.onEnd, callBack),
    close: () => {
      for (const id of live.keys()) end(id);
    },
  };
}

function tooManyOfRun({ run }: AttemptKey): BoxkiteError {
  return new BoxkiteError("LIMIT_EXCEEDED", `run ${run} has ${MOST_OF_A_RUN} reproductions already`, {
    hint: "leave the terminal of another one; those of commands that were killed end within eight hours",
  });
}

function tooManyTraces(): BoxkiteError {
  return new BoxkiteError(
    "LIMIT_EXCEEDED",
    `the program has recorded ${MOST_TRACES} traces that its action had not`,
    {
      hint: "start a run for that: a reproduction keeps them in memory",
    },
  );
}

function listen(listeners: Set<() => void> | undefined, listener: () => void): () => void {
  // Each call counts on its own, also where the function is the same.
  const each = () => listener();
  listeners?.add(each);
  return () => void listeners?.delete(each);
}

function isSame(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}

export function isReproductionToken(token: string): boolean {
  return token.startsWith(REPRODUCTION_TOKEN_PREFIX);
}

/** What of it stands in the identity of its calls. */
export type ReproductionName = Pick<Reproduction, "id" | "of">;

/** As text, inside what is signed. */
export function nameOfReproduction({ id, of }: ReproductionName): string {
  return `${id}/${nameOfAttempt(of)}`;
}

export function reproductionOfName(name: string): ReproductionName {
  const [id = "", attempt = ""] = name.split(/\/(.*)/su, 2);
  return { id, of: attemptOfName(attempt) };
}
