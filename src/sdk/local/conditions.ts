/** Conditions of a local run: answered in advance, through the run's handle, or on the terminal. */
import type { Answer, ConditionRequest } from "../authoring/condition.ts";
import { durationMs } from "../authoring/duration.ts";
import { ConditionTimeoutError } from "../authoring/errors.ts";
import { askOnTerminal } from "./terminal.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import { orAborted, within } from "../../lib/wait.ts";

interface Waiting {
  readonly request: ConditionRequest;
  readonly answer: (value: Answer) => void;
}

export interface LocalConditionsOptions {
  /** Answers that are known in advance, by the condition's name. */
  readonly answers?: Readonly<Record<string, Answer>> | undefined;
  /** Whether the run's handle may answer later. @default false */
  readonly held?: boolean;
  readonly clock?: Clock | undefined;
  /** Called when a first condition begins to wait, and when the last one ends to. */
  readonly onWaiting?: (isWaiting: boolean) => void;
}

export class LocalConditions {
  readonly #answers: ReadonlyMap<string, Answer>;
  readonly #held: boolean;
  readonly #clock: Clock;
  readonly #onWaiting: (isWaiting: boolean) => void;
  readonly #waiting: Waiting[] = [];
  readonly #closed = new AbortController();
  #asked = Promise.withResolvers<void>();

  constructor({
    answers = {},
    held = false,
    clock = systemClock,
    onWaiting = ignore,
  }: LocalConditionsOptions = {}) {
    this.#answers = new Map(Object.entries(answers));
    this.#held = held;
    this.#clock = clock;
    this.#onWaiting = onWaiting;
  }

  /** The answer. Rejects when the time limit has passed, with the signal's reason, or if nobody can answer. */
  async wait(request: ConditionRequest, signal: AbortSignal): Promise<Answer> {
    const { name, timeout } = request;
    const limitMs = timeout === undefined ? undefined : durationMs(timeout);
    const ended = AbortSignal.any([signal, this.#closed.signal]);
    ended.throwIfAborted();
    const given = this.#answers.get(name);
    if (given !== undefined) return checked(request, given);
    const terminal = process.stdin.isTTY;
    if (!terminal && !this.#held) {
      throw new ConditionTimeoutError(
        `nobody can answer the condition ${name} in this local run; pass signals: { ${JSON.stringify(name)}: … }`,
      );
    }
    const done = new AbortController();
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const waiting = { request, answer: resolve };
    if (this.#waiting.push(waiting) === 1) this.#onWaiting(true);
    this.#asked.resolve();
    this.#asked = Promise.withResolvers();
    if (terminal) typedAnswer(request, done.signal).then(resolve, ignore);
    else process.stderr.write(`the condition ${name} waits for run.signal(${JSON.stringify(name)}, …)\n`);
    try {
      const answered = orAborted(promise, ended);
      const answer = limitMs === undefined ? await answered : await within(answered, limitMs, this.#clock);
      if (answer !== undefined) return answer;
      throw new ConditionTimeoutError(`the condition ${name} was not answered in time`);
    } finally {
      done.abort();
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      if (this.#waiting.length === 0) this.#onWaiting(false);
    }
  }

  /** To be called at the end of the run: nothing waits any more. */
  close(): void {
    this.#closed.abort();
  }

  /**
   * Answers the condition of that name that has waited longest; if there is none, waits until one is registered.
   * False if the run ends before that.
   */
  async answer(name: string, value: Answer): Promise<boolean> {
    const closed = this.#closed.signal;
    for (;;) {
      const found = this.#waiting.find(({ request }) => request.name === name);
      if (found !== undefined) {
        found.answer(checked(found.request, value));
        return true;
      }
      if (closed.aborted) return false;
      await orAborted(this.#asked.promise, closed).catch(ignore);
    }
  }
}

/** Like the server, rejects an answer of another type than the condition's. */
function checked({ name, type = "boolean" }: ConditionRequest, value: Answer): Answer {
  if (!fits(type, value))
    throw new TypeError(`condition ${name} wants a value of type ${type}, not ${JSON.stringify(value)}`);
  return value;
}

function fits(type: NonNullable<ConditionRequest["type"]>, value: Answer): boolean {
  if (type === "integer") return Number.isSafeInteger(value);
  return typeof value === type && !Number.isNaN(value);
}

/** Repeats the question until the line is of the condition's type. */
async function typedAnswer(request: ConditionRequest, signal: AbortSignal): Promise<Answer> {
  const { type = "boolean", prompt = "Approve?" } = request;
  for (;;) {
    const text = (await askOnTerminal(`${prompt} (${type}) `, signal)).trim();
    if (type === "boolean") return /^(y|yes|true|1)$/i.test(text);
    const value = type === "string" || text === "" ? text : Number(text);
    if (fits(type, value)) return value;
  }
}

const ignore = (): void => undefined;
