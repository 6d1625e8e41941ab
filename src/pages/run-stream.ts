/**
 * A run page's live connection: one response of JSON lines for the tree, the chosen action and its log. It starts
 * from what the page says it has seen, so it may break off and be opened again at any time, also to a restarted
 * server. It ends by itself when nothing can change any more.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { RunKey } from "../domain/ids.ts";
import type { Clock } from "../lib/clock.ts";
import type { PageContext } from "./page-context.ts";
import { chosenAction } from "./action-view.ts";
import { LogChannel, type ShownLogChannel } from "./log-channel.ts";
import { logUnreadable } from "./log-state.ts";
import { shownLine } from "./log-text.ts";
import { drained, goneSignal, numberIn, queryOf, setCommonHeaders } from "./respond.ts";
import { watchRun } from "./run-watch.ts";
import { encodeLine } from "./stream-message.ts";

const NO_LOG: ShownLogChannel = { show: () => {}, isComplete: true, following: undefined };
/** An empty line now and then shows the client that a silent connection is alive. */
const HEARTBEAT_MS = 10_000;

/** Throws RUN_NOT_FOUND or ACTION_NOT_FOUND before it has answered. */
export async function streamRun(
  context: PageContext,
  request: IncomingMessage,
  response: ServerResponse,
  key: RunKey,
): Promise<void> {
  const query = queryOf(request);
  const run = await context.access.run(context.by, "read", key);
  const { key: action } = await context.access.action(context.by, "read", {
    ...key,
    action: chosenAction(query),
  });
  setCommonHeaders(response, "application/x-ndjson");
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  const over = new AbortController();
  const signal = AbortSignal.any([goneSignal(response), over.signal]);
  const send = (line: string): Promise<void> => {
    if (!signal.aborted) response.write(line);
    return drained(response, signal);
  };
  const followed = new LogChannel({
    logs: context.logs,
    clock: context.clock,
    log: context.log,
    action,
    seen: { attempt: numberIn(query, "log") ?? 0, position: numberIn(query, "at") ?? 0 },
    signal,
    deliver: (attempt, { start, end, lines }) =>
      send(encodeLine({ type: "log", attempt, start, end, lines: lines.map(shownLine) })),
    failed: (reason) =>
      send(encodeLine({ type: "section", id: "log-state", html: logUnreadable(reason).toString() })),
  });
  const heartbeat = sendHeartbeats(response, context.clock, signal);
  try {
    const watch = {
      run,
      action: action.action,
      wantedAttempt: numberIn(query, "attempt"),
      after: numberIn(query, "after") ?? 0,
    };
    // A page that shows another part of the log than its end does not follow it.
    await watchRun(context, watch, query.get("log") === "none" ? NO_LOG : followed, send, signal);
  } finally {
    over.abort();
    await heartbeat;
    response.end();
  }
}

/** Resolves when the signal aborts. */
async function sendHeartbeats(response: ServerResponse, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(HEARTBEAT_MS, { signal }).catch(() => {});
    if (signal.aborted) return;
    response.write("\n");
  }
}
