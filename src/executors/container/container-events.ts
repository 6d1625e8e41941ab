/**
 * One connection to the engine's events for all attempts. An event only says that a container's state is to be read: after a
 * break of the connection, and from time to time in any case, everyone is woken.
 */
import type { Logger } from "../../lib/log.ts";
import { createBackoff } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { WakeupReason } from "../wakeup.ts";
import { RETRY_BACKOFF } from "../retry-backoff.ts";

export interface ContainerEvents {
  /** Calls `wake` when this container ended or may have. Returns a function that ends the subscription. */
  subscribe(containerId: string, wake: (reason: WakeupReason) => void): () => void;
  close(): Promise<void>;
}

/** For events that an engine forgot to send. */
const SWEEP_MS = 30_000;
const ENDINGS = new Set(["die", "died", "destroy", "remove"]);

export function createContainerEvents(
  api: EngineApi,
  label: string,
  log: Logger,
  clock: Clock,
): ContainerEvents {
  const wakers = new Map<string, Set<(reason: WakeupReason) => void>>();
  const closing = new AbortController();
  let listening: Promise<void> | undefined;

  const wakeAll = () => {
    for (const set of wakers.values()) for (const wake of set) wake("check");
  };
  const sweep = async () => {
    for (;;) {
      await clock.sleep(SWEEP_MS, { signal: closing.signal, ref: false });
      wakeAll();
    }
  };
  // Ends when it is closed.
  sweep().catch(() => {});

  const listen = async () => {
    const backoff = createBackoff(RETRY_BACKOFF, clock);
    while (!closing.signal.aborted) {
      try {
        const events = await api.events([label], closing.signal);
        wakeAll();
        backoff.reset();
        for await (const { action, containerId } of events) {
          if (!ENDINGS.has(action)) continue;
          for (const wake of wakers.get(containerId) ?? []) wake("ended");
        }
      } catch (error) {
        if (closing.signal.aborted) return;
        log.debug("the stream of engine events was interrupted", { error });
      }
      wakeAll();
      await backoff.wait(closing.signal).catch(() => {});
    }
  };

  return {
    subscribe: (containerId, wake) => {
      listening ??= listen();
      const set = wakers.get(containerId) ?? new Set();
      wakers.set(containerId, set.add(wake));
      return () => {
        set.delete(wake);
        if (set.size === 0) wakers.delete(containerId);
      };
    },
    close: async () => {
      closing.abort();
      await listening;
    },
  };
}
