/** The buttons of the run page that change something. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { RunKey } from "../domain/ids.ts";
import type { ServiceContext } from "../services/context.ts";
import { requireAction } from "../store/require.ts";
import { chosenAction } from "./action-view.ts";
import { sendProblem } from "./not-found.ts";
import { actionPath } from "./paths.ts";
import { queryOf, redirect } from "./respond.ts";

/** Throws ACTION_NOT_FOUND. */
export async function abortByPost(
  context: ServiceContext,
  request: IncomingMessage,
  response: ServerResponse,
  key: RunKey,
): Promise<void> {
  request.resume();
  if (!isSameOrigin(request)) {
    const text = "Runs can be aborted from their own page only: this request came from somewhere else.";
    sendProblem(response, { status: 403, title: "Refused", text });
    return;
  }
  const { key: action } = await requireAction(context.store, {
    ...key,
    action: chosenAction(queryOf(request)),
  });
  await context.engine.abort(action, "aborted on the run page");
  redirect(response, 303, actionPath(key, action.action));
}

/**
 * A page of another origin can make a browser post a form here, but cannot make it lie about where the
 * form was. The scheme is not compared: a proxy in front may add TLS.
 */
function isSameOrigin({ headers }: IncomingMessage): boolean {
  const host = headers[":authority"] ?? headers.host;
  try {
    return (
      host !== undefined && new URL(headers.origin ?? "").host === new URL(`http://${String(host)}`).host
    );
  } catch {
    return false;
  }
}
