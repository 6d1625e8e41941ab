/**
 * Wake-ups for watches. A watch is a cursor on sequence numbers in the store; this only tells it when
 * another look is worth it. A hint may be lost or come for nothing: a watch also looks now and then.
 */
import type { Store } from "../store/store.ts";

export interface ChangeFeed {
  /** Starts to listen to a topic now. */
  subscribe(topic: string): Subscription;
  close(): void;
}

export interface Subscription {
  /** Resolves when something changed since the last call, after a while, or when the signal aborts. */
  next(signal: AbortSignal): Promise<void>;
  close(): void;
}

export const topicOf = {
  run: (runId: number) => `run:${runId}`,
  action: (actionId: number) => `action:${actionId}`,
  children: (runId: number, parent: string) => `children:${runId}:${parent}`,
};

/** Without any hint, a watch looks this often. */
const LOOK_AGAIN_MS = 30_000;

export function createChangeFeed(store: Store): ChangeFeed {
  const topics = new Map<string, Set<() => void>>();
  const stop = store.onChange((changes) => {
    for (const change of changes) {
      wake(topicOf.run(change.runId));
      wake(topicOf.action(change.actionId));
      if (change.parent !== undefined) wake(topicOf.children(change.runId, change.parent));
    }
  });
  const wake = (topic: string) => {
    for (const listener of topics.get(topic) ?? []) listener();
  };

  return {
    subscribe: (topic) => {
      let changed = false;
      let resolveWait: (() => void) | undefined;
      const listener = () => {
        changed = true;
        resolveWait?.();
      };
      const listeners = topics.get(topic) ?? new Set();
      topics.set(topic, listeners.add(listener));
      return {
        next: async (signal) => {
          if (!changed && !signal.aborted) {
            await new Promise<void>((resolve) => {
              const finish = () => {
                clearTimeout(timer);
                signal.removeEventListener("abort", finish);
                resolve();
              };
              const timer = setTimeout(finish, LOOK_AGAIN_MS);
              resolveWait = finish;
              signal.addEventListener("abort", finish, { once: true });
            });
          }
          resolveWait = undefined;
          changed = false;
        },
        close: () => {
          listeners.delete(listener);
          if (listeners.size === 0) topics.delete(topic);
        },
      };
    },
    close: stop,
  };
}
