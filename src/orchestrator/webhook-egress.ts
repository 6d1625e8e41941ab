/** A webhook to an address that the server does not connect to for its caller is refused when it is asked for. */
import type { NewAction } from "../domain/action-record.ts";
import type { HttpRequest } from "../domain/notification.ts";
import type { NewRun } from "../domain/run.ts";
import { isTrustedRun } from "../domain/trust.ts";
import type { EgressRule } from "../lib/egress.ts";

/** Throws EGRESS_DENIED. Names are resolved when the webhook is sent, and checked then. */
export function requireAllowed(requests: readonly HttpRequest[], run: NewRun, egress: EgressRule): void {
  if (isTrustedRun(run)) return;
  for (const { url } of requests) {
    const parsed = URL.parse(url);
    if (parsed !== null) egress.check(parsed);
  }
}

export function webhooksOfRun({ settings }: NewRun): readonly HttpRequest[] {
  return (settings.notifications ?? []).map(({ request }) => request);
}

export function webhooksOfAction({ effects = [] }: NewAction): readonly HttpRequest[] {
  return effects.flatMap((effect) => (effect.type === "sendWebhook" ? [effect.request] : []));
}
