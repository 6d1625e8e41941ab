/** The log of an attempt, while it is written. */
import type { ServiceImpl } from "@connectrpc/connect";
import { create } from "@bufbuild/protobuf";
import type { ActionRecord } from "../domain/action-record.ts";
import { attemptIsOver } from "../domain/action.ts";
import type { AttemptKey } from "../domain/attempt.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { isTerminal } from "../domain/phase.ts";
import type { LogLine } from "../logs/attempt-logs.ts";
import { requireAction, requireRun } from "../store/require.ts";
import type { DataProxyService } from "../wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { LogLineOriginator, LogLineSchema } from "../wire/gen/flyteidl2/logs/dataplane/payload_pb.js";
import { decodeActionId } from "../wire/identifiers.ts";
import { encodeTime } from "../wire/time.ts";
import { topicOf } from "./change-feed.ts";
import type { ServiceContext } from "./context.ts";
import { withHeartbeat } from "./heartbeat.ts";
import { logExists } from "./log-exists.ts";
import { missingLog } from "./missing-log.ts";
import { principalOf } from "./principal.ts";

export type LogContext = Pick<ServiceContext, "access" | "store" | "logs" | "feed" | "clock">;
type Methods = Pick<ServiceImpl<typeof DataProxyService>, "tailLogs">;

export function logMethods({ access, store, logs, feed, clock }: LogContext): Methods {
  return {
    tailLogs: async function* (request, handler) {
      const { signal } = handler;
      if (request.podSelector.case === "podName") {
        throw new BoxkiteError(
          "FIELD_NOT_SUPPORTED",
          "the log of a pod is asked for, and an attempt of this server has one log and no pods",
          { hint: "name the action and its attempt" },
        );
      }
      if (request.connectorEndpoint !== undefined && request.connectorEndpoint !== "") {
        throw new BoxkiteError(
          "FIELD_NOT_SUPPORTED",
          "the log of a connector is asked for, and this server has none",
          { hint: "name the action and its attempt" },
        );
      }
      const record = await access.action(principalOf(handler), "read", decodeActionId(request.actionId));
      const asked = request.attempt || undefined;
      const present = presentAttempt(record);
      if (asked !== undefined && asked > present.attempt) throw await noLog({ ...present, attempt: asked });
      for await (const lines of withHeartbeat(followLog(record, asked, signal), clock)) {
        yield lines === undefined ? {} : { logs: [{ lines: lines.map(encodeLine) }] };
      }
    },
  };

  /** Throws NO_LOGS when there will be none. */
  async function* followLog(
    action: ActionRecord,
    asked: number | undefined,
    signal: AbortSignal,
  ): AsyncIterable<readonly LogLine[]> {
    const key = await waitForLog(action, asked, signal);
    if (key === undefined) return;
    yield* logs.read(key, { follow: true, isOver: () => isOver(key), signal });
  }

  async function noLog(key: AttemptKey): Promise<BoxkiteError> {
    const [run, record] = await Promise.all([requireRun(store, key), requireAction(store, key)]);
    return missingLog(run, record, key.attempt);
  }

  async function isOver(key: AttemptKey): Promise<boolean> {
    return attemptIsOver((await requireAction(store, key)).state, key.attempt);
  }

  /**
   * A log appears when its attempt is supervised. Where no attempt was asked for, the current one may end
   * without a log, and the next one have one. Undefined when the signal aborts.
   */
  async function waitForLog(
    action: ActionRecord,
    asked: number | undefined,
    signal: AbortSignal,
  ): Promise<AttemptKey | undefined> {
    const subscription = feed.subscribe(topicOf.action(action.id), signal);
    try {
      while (!signal.aborted) {
        const record = await requireAction(store, action.key);
        const key = asked === undefined ? presentAttempt(record) : { ...action.key, attempt: asked };
        if (await logExists({ logs, store }, record, key.attempt)) return key;
        const { phase } = record.state;
        if (asked === undefined ? isTerminal(phase) : attemptIsOver(record.state, asked))
          throw await noLog(key);
        await subscription.next();
      }
      return undefined;
    } finally {
      subscription.close();
    }
  }
}

function presentAttempt({ key, state }: ActionRecord): AttemptKey {
  return { ...key, attempt: Math.max(1, state.attempt) };
}

/** Clients print a message as it is: it carries its own line end (seen with flyte 2.12.1). */
function encodeLine(line: LogLine) {
  return create(LogLineSchema, {
    timestamp: encodeTime(line.atMs),
    message: `${line.text}\n`,
    originator: line.stream === "system" ? LogLineOriginator.SYSTEM : LogLineOriginator.USER,
  });
}
