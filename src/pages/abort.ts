/** The run page's buttons that end a run or an action. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { RunKey } from "../domain/ids.ts";
import type { PageContext } from "./page-context.ts";
import { chosenAction } from "./action-view.ts";
import { sendProblem } from "./not-found.ts";
import { actionPath } from "./paths.ts";
import { queryOf, redirect } from "./respond.ts";
import { postedForm } from "./viewer.ts";

/** Throws ACTION_NOT_FOUND. */
export async function abortByPost(
  context: PageContext,
  request: IncomingMessage,
  response: ServerResponse,
  key: RunKey,
): Promise<void> {
  if ((await postedForm(request, context.viewer)) === undefined) {
    const text =
      "Runs can be aborted from their own page only, and this request did not come from it as it is now. Load the page again.";
    sendProblem(context, response, { status: 403, title: "Refused", text });
    return;
  }
  const { key: action } = await context.access.action(context.by, "change", {
    ...key,
    action: chosenAction(queryOf(request)),
  });
  await context.orchestrator.abort(action, "aborted on the run page", context.by);
  redirect(response, 303, actionPath(key, action.action));
}
