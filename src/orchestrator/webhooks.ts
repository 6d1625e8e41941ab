/** The webhooks of runs: which ones the end of a run calls for, and each until its receiver has accepted it. */
import type { ActionRecord } from "../domain/action-record.ts";
import { textForPeople } from "../domain/error-trailer.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { ROOT_ACTION } from "../domain/ids.ts";
import { fillRequest, type HttpRequest } from "../domain/notification.ts";
import type { Phase } from "../domain/phase.ts";
import type { Effect } from "../domain/transition.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { EffectRecord, Store } from "../store/store.ts";
import { isTrustedWebhook } from "./webhook-egress.ts";

export interface WebhooksOptions {
  readonly store: Pick<Store, "getRun">;
  /** Throws unless the receiver accepted it; EGRESS_DENIED where the server does not connect to it, unless `isTrusted`. */
  readonly send: (request: HttpRequest, isTrusted: boolean) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Webhooks {
  /** What follows from the end of an action. Each receiver has an effect of its own, so that one that fails is retried alone. */
  atEndOf(action: ActionRecord): Promise<readonly Effect[]>;
  /** Resolves when it was accepted, or is given up; throws where it is to be tried again. */
  deliver(request: HttpRequest, effect: Pick<EffectRecord, "action" | "createdAt">): Promise<void>;
}

/** A webhook that its receiver has not accepted for so long is given up. */
const WEBHOOK_LIFETIME_MS = 24 * 60 * 60_000;

export function createWebhooks({ store, send, clock, log }: WebhooksOptions): Webhooks {
  return {
    atEndOf: async ({ key, state }) => {
      if (key.action !== ROOT_ACTION) return [];
      const rules = (await store.getRun(key))?.settings.notifications ?? [];
      const error = state.error === undefined ? (state.abortReason ?? "") : textForPeople(state.error);
      return rules
        .filter(({ phases }) => (phases as readonly Phase[]).includes(state.phase))
        .map(({ request }) => ({
          type: "sendWebhook",
          request: fillRequest(request, { run: key, phase: state.phase, error }),
        }));
    },
    deliver: async (request, { action: { key }, createdAt }) => {
      try {
        const run = await store.getRun(key);
        await send(request, run !== undefined && isTrustedWebhook(run, key));
      } catch (error) {
        // Trying again would let callers find out for a day which hosts there are.
        if (error instanceof BoxkiteError && error.code === "EGRESS_DENIED")
          return log.warn("a webhook was denied and is given up", { run: key.run, error });
        if (clock.now() - createdAt < WEBHOOK_LIFETIME_MS) throw error;
        log.error("a webhook was not accepted for a day and is given up", { error });
      }
    },
  };
}
