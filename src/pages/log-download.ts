/** The log of an attempt as plain text, for saving and searching: whole, from a line on, or of one stream. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { RunKey } from "../domain/ids.ts";
import type { PageContext } from "./page-context.ts";
import { logExists } from "../services/log-exists.ts";
import { missingLog } from "../services/missing-log.ts";
import { requireRun } from "../store/require.ts";
import { chosenAction } from "./action-view.ts";
import { textLine } from "./log-text.ts";
import { drained, goneSignal, numberIn, queryOf, setCommonHeaders } from "./respond.ts";

/** What there is so far. Throws ACTION_NOT_FOUND, LOGS_NOT_FOUND or NO_LOGS. */
export async function sendLog(
  { access, by, store, logs }: PageContext,
  request: IncomingMessage,
  response: ServerResponse,
  key: RunKey,
): Promise<void> {
  const query = queryOf(request);
  const record = await access.action(by, "read", { ...key, action: chosenAction(query) });
  const attempt = numberIn(query, "attempt") ?? Math.max(1, record.state.attempt);
  const attemptKey = { ...record.key, attempt };
  if (!(await logExists({ logs, store }, record, attempt)))
    throw missingLog(await requireRun(store, key), record, attempt);
  setCommonHeaders(response, "text/plain; charset=utf-8");
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  const signal = goneSignal(response);
  const stream = query.get("stream");
  for await (const lines of logs.read(attemptKey, { fromLine: numberIn(query, "from") ?? 0, signal })) {
    const wanted = stream === null ? lines : lines.filter((line) => line.stream === stream);
    response.write(wanted.map(textLine).join(""));
    await drained(response, signal);
  }
  response.end();
}
