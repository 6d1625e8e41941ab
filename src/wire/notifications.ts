/** Notification rules of a run: the part of them that this server can carry out (flyte/notify). */
import { BoxkiteError } from "../domain/errors.ts";
import { fillRequest, type HttpRequest, type Notification } from "../domain/notification.ts";
import { isTerminal, type TerminalPhase } from "../domain/phase.ts";
import type { ActionPhase } from "./gen/flyteidl2/common/phase_pb.js";
import { HttpMethod, type WebhookDeliveryTemplate } from "./gen/flyteidl2/notification/definition_pb.js";
import type { InlineRule } from "./gen/flyteidl2/task/run_pb.js";
import { decodePhase } from "./phase.ts";
import { requireSendable } from "./sendable.ts";

const PHASES_HINT = "send it on succeeded, failed, aborted or timed_out";

/** Methods that carry a body everywhere. */
const METHODS: Readonly<Partial<Record<HttpMethod, string>>> = {
  [HttpMethod.UNSPECIFIED]: "POST",
  [HttpMethod.POST]: "POST",
  [HttpMethod.PUT]: "PUT",
  [HttpMethod.PATCH]: "PATCH",
  [HttpMethod.DELETE]: "DELETE",
};

/** Throws FIELD_NOT_SUPPORTED or INVALID_ARGUMENT, each naming the notification by its number. */
export function decodeNotifications(rules: readonly InlineRule[]): Notification[] {
  return rules.map(({ onPhases, delivery }, index) => {
    const what = `notification ${index + 1} of the run`;
    const template = delivery.case === "deliveryTemplate" ? delivery.value : undefined;
    if (template?.webhook === undefined) {
      throw new BoxkiteError("INVALID_ARGUMENT", `${what} has no recipient`, {
        hint: "use flyte.notify.Webhook, Slack or Teams",
      });
    }
    if (onPhases.length === 0) {
      throw new BoxkiteError("INVALID_ARGUMENT", `${what} has an empty on_phase: it would never be sent`, {
        hint: PHASES_HINT,
      });
    }
    return {
      phases: onPhases.map((phase) => decodeEnd(phase, what)),
      request: decodeWebhook(template.webhook, what),
    };
  });
}

function decodeEnd(number: ActionPhase, what: string): TerminalPhase {
  const phase = decodePhase(number);
  if (phase !== undefined && isTerminal(phase)) return phase;
  const name = phase ?? String(number);
  throw new BoxkiteError("FIELD_NOT_SUPPORTED", `${what} is on phase ${name}, which is no end of a run`, {
    hint: PHASES_HINT,
  });
}

function decodeWebhook(webhook: WebhookDeliveryTemplate, what: string): HttpRequest {
  const method = METHODS[webhook.method];
  if (method === undefined) {
    const name = HttpMethod[webhook.method];
    throw new BoxkiteError("FIELD_NOT_SUPPORTED", `${what} is sent by ${name}, which carries no body`, {
      hint: `use one of: ${[...new Set(Object.values(METHODS))].join(", ")}`,
    });
  }
  const { url, headers, bodyTemplate: body } = webhook;
  const request = { method, url, headers: withContentType(headers, body), body };
  const run = { project: "p", domain: "d", run: "r" };
  requireSendable(fillRequest(request, { run, phase: "succeeded", error: "" }), what);
  return request;
}

/** The SDK sends JSON; a client that says otherwise is believed. */
function withContentType(headers: Readonly<Record<string, string>>, body: string): Record<string, string> {
  const isGiven = Object.keys(headers).some((name) => name.toLowerCase() === "content-type");
  return isGiven || body === "" ? headers : { "content-type": "application/json", ...headers };
}
