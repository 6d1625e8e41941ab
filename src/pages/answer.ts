/** The answer that a condition's form posts. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { RunKey } from "../domain/ids.ts";
import type { PageContext } from "./page-context.ts";
import { refusalOf } from "../services/errors.ts";
import { decodeSignal, payloadFromText } from "../wire/condition.ts";
import { chosenAction } from "./action-view.ts";
import { sendProblem } from "./not-found.ts";
import { actionPath } from "./paths.ts";
import { queryOf, redirect } from "./respond.ts";
import { postedForm } from "./viewer.ts";

/** Throws ACTION_NOT_FOUND. */
export async function answerByPost(
  context: PageContext,
  request: IncomingMessage,
  response: ServerResponse,
  key: RunKey,
): Promise<void> {
  const fields = await postedForm(request, context.viewer);
  if (fields === undefined) {
    const text =
      "Conditions can be answered from their own page only, and this request did not come from it as it is now. Load the page again.";
    sendProblem(context, response, { status: 403, title: "Refused", text });
    return;
  }
  const condition = await context.access.action(context.by, "change", {
    ...key,
    action: chosenAction(queryOf(request)),
  });
  try {
    const payload = payloadFromText(condition, fields.get("value") ?? "");
    await context.orchestrator.signal(condition.key, decodeSignal(condition, payload), context.by);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    sendProblem(context, response, { ...refusal, title: "The answer was not taken" });
    return;
  }
  redirect(response, 303, actionPath(key, condition.key.action));
}
