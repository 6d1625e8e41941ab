/** Puts the firewall's rules back while containers run: other programs remove them, as a reload of the firewall does. */
import type { ForwardGuard } from "../../containers/forward-guard.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";

export interface KeptGuard {
  readonly guard: Pick<ForwardGuard, "ensure">;
  /** Whether there is anything to guard. */
  readonly isNeeded: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

const EVERY_MS = 5_000;

/** Returns how to stop it. */
export function keepGuard({ guard, isNeeded, clock, log }: KeptGuard): () => Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  let isMissing = false;
  const keep = async () => {
    for (;;) {
      await clock.sleep(EVERY_MS, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      if (!isNeeded()) continue;
      try {
        await guard.ensure();
        isMissing = false;
      } catch (error) {
        if (!isMissing) log.warn("containers of different runs may reach each other", { error });
        isMissing = true;
      }
    }
  };
  const keeping = keep();
  return () => {
    stopping.abort();
    return keeping;
  };
}
