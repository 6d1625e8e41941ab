/**
 * A webhook to an address that the server does not connect to for its caller is refused when it is asked for. The caller
 * of a run's notifications is whoever started it, the caller of an action's webhook always a task.
 */
import type { NewAction } from "../domain/action-record.ts";
import { ROOT_ACTION, type ActionKey } from "../domain/ids.ts";
import type { HttpRequest } from "../domain/notification.ts";
import type { NewRun } from "../domain/run.ts";
import { isTrustedRun } from "../domain/trust.ts";
import type { EgressRule } from "../lib/egress.ts";

/** Throws EGRESS_DENIED. Names are resolved when the webhook is sent, and checked then. */
export function requireNotifications(run: NewRun, egress: EgressRule): void {
  if (isTrustedRun(run)) return;
  requireAllowed(
    (run.settings.notifications ?? []).map(({ request }) => request),
    egress,
  );
}

/** As `requireNotifications`, for a condition. */
export function requireWebhooks({ effects = [] }: NewAction, egress: EgressRule): void {
  requireAllowed(
    effects.flatMap((effect) => (effect.type === "sendWebhook" ? [effect.request] : [])),
    egress,
  );
}

/** Whether a webhook of this action may go anywhere: of the root these are the notifications of its run. */
export function isTrustedWebhook(run: NewRun, { action }: ActionKey): boolean {
  return action === ROOT_ACTION && isTrustedRun(run);
}

function requireAllowed(requests: readonly HttpRequest[], egress: EgressRule): void {
  for (const { url } of requests) {
    const parsed = URL.parse(url);
    if (parsed !== null) egress.check(parsed);
  }
}
