/**
 * Wake-ups for watches. A watch is a cursor on sequence numbers in the store; this only tells it when
 * it is worth asking again, and lets all who ask the same share one answer. A wake-up may be lost or come for
 * nothing: a watch also asks now and then.
 */
import { systemClock, type Clock } from "../lib/clock.ts";
import type { StoreReader } from "../store/reader.ts";

export interface ChangeFeed {
  /** Starts to listen to a topic now. */
  subscribe(topic: string): Subscription;
  close(): void;
}

export interface Subscription {
  /** Resolves when something changed since the last call, after a while, or when the signal aborts. */
  next(signal: AbortSignal): Promise<void>;
  /**
   * What `read` gives, read once for all subscribers who ask under this key before the topic changes again: many
   * watchers at the same cursor cost one read and one encoding. A key stands for one kind of answer.
   */
  shared<T>(key: string, read: () => Promise<T>): Promise<T>;
  close(): void;
}

export const topicOf = {
  run: (runId: number) => `run:${runId}`,
  action: (actionId: number) => `action:${actionId}`,
  children: (runId: number, parent: string) => `children:${runId}:${parent}`,
};

/** Without any wake-up, a watch asks this often. */
const ASK_AGAIN_MS = 30_000;

/** The more there are to tell, the more changes they are told of at once: telling takes a bounded share of the time. */
const PACE_MS_EACH = 0.1;

interface Topic {
  /** Since the listeners were woken. */
  isDue: boolean;
  isWaking: boolean;
  readonly listeners: Set<() => void>;
  readonly answers: Map<string, Promise<unknown>>;
}

export function createChangeFeed(
  store: Pick<StoreReader, "onChange">,
  clock: Clock = systemClock,
): ChangeFeed {
  const topics = new Map<string, Topic>();
  const stop = store.onChange((changes) => {
    const changed = new Set<Topic>();
    for (const { runId, actionId, parent } of changes) {
      const names = [topicOf.run(runId), topicOf.action(actionId)];
      if (parent !== undefined) names.push(topicOf.children(runId, parent));
      for (const name of names) {
        const topic = topics.get(name);
        if (topic !== undefined) changed.add(topic);
      }
    }
    for (const topic of changed) {
      topic.answers.clear();
      wake(topic);
    }
  });
  const wake = (topic: Topic) => {
    topic.isDue = true;
    if (topic.isWaking) return;
    topic.isWaking = true;
    // Those who made the change are answered before those who watch it are told.
    setImmediate(() => {
      topic.isDue = false;
      for (const listener of topic.listeners) listener();
      clock.timer(topic.listeners.size * PACE_MS_EACH, () => {
        topic.isWaking = false;
        if (topic.isDue) wake(topic);
      });
    });
  };

  return {
    subscribe: (name) => {
      let changed = false;
      let resolveWait: (() => void) | undefined;
      const listener = () => {
        changed = true;
        resolveWait?.();
      };
      const topic: Topic = topics.get(name) ?? {
        isDue: false,
        isWaking: false,
        listeners: new Set(),
        answers: new Map(),
      };
      topics.set(name, topic);
      topic.listeners.add(listener);
      return {
        next: async (signal) => {
          if (!changed && !signal.aborted) {
            await new Promise<void>((resolve) => {
              const finish = () => {
                timer.cancel();
                signal.removeEventListener("abort", finish);
                resolve();
              };
              const timer = clock.timer(ASK_AGAIN_MS, () => {
                // The wake-up may have been lost: so may be what would have cleared them.
                topic.answers.clear();
                finish();
              });
              resolveWait = finish;
              signal.addEventListener("abort", finish, { once: true });
            });
          }
          resolveWait = undefined;
          changed = false;
        },
        shared: <T>(key: string, read: () => Promise<T>): Promise<T> => {
          const known = topic.answers.get(key) as Promise<T> | undefined;
          if (known !== undefined) return known;
          const answer = read();
          topic.answers.set(key, answer);
          // A failure is not kept.
          answer.catch(() => {
            if (topic.answers.get(key) === answer) topic.answers.delete(key);
          });
          return answer;
        },
        close: () => {
          topic.listeners.delete(listener);
          if (topic.listeners.size === 0 && topics.get(name) === topic) topics.delete(name);
        },
      };
    },
    close: stop,
  };
}
