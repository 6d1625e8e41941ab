/** Answers with the document of a run or an action, or with an error as JSON. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { BoxkiteError } from "../../domain/errors.ts";
import type { RunKey } from "../../domain/ids.ts";
import { refusalOf } from "../../services/errors.ts";
import { requireRun } from "../../store/require.ts";
import { chosenAction } from "../action-view.ts";
import type { PageContext } from "../page-context.ts";
import { queryOf, setCommonHeaders } from "../respond.ts";
import { runDocument } from "./run-document.ts";

/** Throws RUN_NOT_FOUND or ACTION_NOT_FOUND. */
export async function sendDocument(
  context: PageContext,
  request: IncomingMessage,
  response: ServerResponse,
  key: RunKey,
): Promise<void> {
  const { access, by, store } = context;
  const record = await access.action(by, "read", { ...key, action: chosenAction(queryOf(request)) });
  sendJson(response, 200, await runDocument(context, await requireRun(store, key), record));
}

/** As `src/client/get-json.ts` reads it. */
export function sendError(response: ServerResponse, error: unknown): void {
  const { code, message, hint } = error instanceof BoxkiteError ? error : INTERNAL;
  sendJson(response, refusalOf(error)?.status ?? 500, { error: { code, message, hint } });
}

const INTERNAL = {
  code: "INTERNAL",
  message: "internal error; the server's log has the cause",
  hint: undefined,
};

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.statusCode = status;
  setCommonHeaders(response, "application/json");
  response.end(`${JSON.stringify(value)}\n`);
}
