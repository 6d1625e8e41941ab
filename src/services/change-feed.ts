/**
 * Wake-ups for watches. A watch is a cursor on changes in the store; the feed only says when it is worth reading again,
 * and lets watches that read the same share one answer. A wake-up may be lost or come without a change: a watch also
 * reads every 30 s without one.
 */
import type { ProjectKey } from "../domain/ids.ts";
import type { Clock, Timer } from "../lib/clock.ts";
import type { StoreReader } from "../store/reader.ts";

export interface ChangeFeed {
  /** Listens to a topic from now on, until the subscription is closed. */
  subscribe(topic: string, signal: AbortSignal): Subscription;
  close(): void;
}

export interface Subscription {
  /** Resolves when something changed since the last call, after 30 s, or when the signal aborts. */
  next(): Promise<void>;
  /**
   * What `read` returns, called once for all subscribers of the topic that were woken together and use this key: many
   * watchers at the same cursor cost one read and one encoding. A key stands for one type of answer. Never older than
   * the subscription, or than its last wake-up.
   */
  shared<T>(key: string, read: () => Promise<T>): Promise<T>;
  close(): void;
}

export const topicOf = {
  run: (runId: number) => `run:${runId}`,
  action: (actionId: number) => `action:${actionId}`,
  children: (runId: number, parent: string) => `children:${runId}:${parent}`,
  /** The runs of a project and domain, as their roots show them; without these, all runs. */
  runs: ({ project, domain }: Partial<ProjectKey>) =>
    project === undefined ? "runs" : `runs:${project}:${domain}`,
};

/** Without any wake-up, a watch reads this often. */
const READ_AGAIN_MS = 30_000;
/** Subscribers woken in one turn of the event loop: requests are served between two turns. */
const WOKEN_PER_TURN = 20;
/** Pause after a wake-up, times the number of subscribers: the more there are, the more changes each gets at once. */
const PAUSE_MS_EACH = 0.25;

interface Topic {
  readonly subscribers: Set<(changes: number) => void>;
  readonly answers: Map<string, Answer>;
  /** Counted since the topic has subscribers. */
  changes: number;
  /** Changed since the last wake-up began. */
  isDue: boolean;
  /** From the beginning of a wake-up to the end of the pause after it. */
  isWaking: boolean;
  readAgain: Timer | undefined;
}

interface Answer {
  readonly read: Promise<unknown>;
  /** How many changes there had been when it was read. */
  readonly changes: number;
}

export function createChangeFeed(store: Pick<StoreReader, "onChange">, clock: Clock): ChangeFeed {
  const topics = new Map<string, Topic>();
  /** From then on no timer keeps the process alive, whatever is woken last, and whoever has not ended. */
  let isClosed = false;

  const changed = (topic: Topic): void => {
    topic.changes++;
    topic.isDue = true;
    if (!topic.isWaking) wake(topic);
  };

  const wake = (topic: Topic): void => {
    topic.isWaking = true;
    // Calls that made a change are answered before those who watch it are woken.
    setImmediate(() => {
      topic.isDue = false;
      topic.answers.clear();
      topic.readAgain?.cancel();
      wakeSome(topic, topic.changes, topic.subscribers.values());
    });
  };

  /** All get the same count of changes, and so the same answers, even if more changes are committed in between. */
  const wakeSome = (
    topic: Topic,
    changes: number,
    subscribers: IterableIterator<(changes: number) => void>,
  ): void => {
    for (let woken = 0; woken < WOKEN_PER_TURN; woken++) {
      const next = subscribers.next();
      if (next.done === true) {
        pause(topic);
        return;
      }
      next.value(changes);
    }
    setImmediate(wakeSome, topic, changes, subscribers);
  };

  const pause = (topic: Topic): void => {
    if (isClosed) return;
    const { size } = topic.subscribers;
    if (size > 0) topic.readAgain = clock.timer(READ_AGAIN_MS, () => changed(topic));
    clock.timer(size * PAUSE_MS_EACH, () => {
      topic.isWaking = false;
      if (topic.isDue) wake(topic);
    });
  };

  const topicNamed = (name: string): Topic => {
    const known = topics.get(name);
    if (known !== undefined) return known;
    const topic: Topic = {
      subscribers: new Set(),
      answers: new Map(),
      changes: 0,
      isDue: false,
      isWaking: false,
      readAgain: isClosed ? undefined : clock.timer(READ_AGAIN_MS, () => changed(topic)),
    };
    topics.set(name, topic);
    return topic;
  };

  const stop = store.onChange((actions) => {
    const names = new Set<string>();
    for (const { id, runId, parent, key } of actions) {
      names.add(topicOf.run(runId)).add(topicOf.action(id));
      if (parent === undefined) names.add(topicOf.runs({})).add(topicOf.runs(key));
      else names.add(topicOf.children(runId, parent));
    }
    for (const name of names) {
      const topic = topics.get(name);
      if (topic !== undefined) changed(topic);
    }
  });

  return {
    subscribe: (name, signal) => {
      const topic = topicNamed(name);
      let changes = topic.changes;
      let isDue = false;
      let resume = (): void => {};
      const subscriber = (now: number) => {
        changes = now;
        isDue = true;
        resume();
      };
      const aborted = () => resume();
      topic.subscribers.add(subscriber);
      signal.addEventListener("abort", aborted, { once: true });
      return {
        next: async () => {
          if (!isDue && !signal.aborted) await new Promise<void>((resolve) => (resume = resolve));
          isDue = false;
        },
        shared: <T>(key: string, read: () => Promise<T>): Promise<T> => {
          const known = topic.answers.get(key);
          if (known !== undefined && known.changes >= changes) return known.read as Promise<T>;
          const answer = { read: read(), changes: topic.changes };
          topic.answers.set(key, answer);
          // A failure is not kept.
          answer.read.catch(() => {
            if (topic.answers.get(key) === answer) topic.answers.delete(key);
          });
          return answer.read;
        },
        close: () => {
          signal.removeEventListener("abort", aborted);
          topic.subscribers.delete(subscriber);
          if (topic.subscribers.size > 0) return;
          topic.readAgain?.cancel();
          if (topics.get(name) === topic) topics.delete(name);
        },
      };
    },
    close: () => {
      isClosed = true;
      stop();
      for (const { readAgain } of topics.values()) readAgain?.cancel();
    },
  };
}
