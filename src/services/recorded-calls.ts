/**
 * Calls of a program that is run again on a terminal, answered from the record of the action: children that were called are
 * there already and are watched as they are, and nothing is started.
 */
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { BoxkiteError } from "../domain/errors.ts";
import { actionKeyText, type ActionKey } from "../domain/ids.ts";
import type { Principal } from "../domain/principal.ts";
import type { RunRecord } from "../domain/run.ts";
import type { NewAction } from "../domain/action-record.ts";
import type { ReproductionName } from "../orchestrator/reproductions.ts";
import { encodeUpdate } from "../wire/details.ts";
import { WatchForUpdatesResponseSchema } from "../wire/gen/flyteidl2/actions/actions_service_pb.js";
import { merged } from "../lib/merged.ts";
import type { ServiceContext } from "./context.ts";
import { batchOf, type Delivery } from "./direct-stream.ts";
import { watchChildren } from "./watches.ts";

type Needs = Pick<ServiceContext, "access" | "clock" | "store" | "feed" | "reproductions">;

/** The run of the action that is run again, where `parent` is that action. Throws PERMISSION_DENIED or RUN_NOT_FOUND. */
export async function runOfRecord(
  { access }: Needs,
  by: Principal,
  { of }: ReproductionName,
  key: ActionKey,
  parent: string,
): Promise<RunRecord> {
  if (actionKeyText({ ...key, action: parent }) === actionKeyText(of)) return access.run(by, "read", of);
  // Another's calls are not its own to make: that is denied where rights are.
  return access.child(by, key, parent);
}

/**
 * Answers the enqueue of an action. A trace that is not in the record runs in the program itself: it is kept for the program's
 * own watch. Throws ALREADY_EXISTS, which the SDK takes for "fine", and CALL_NOT_RECORDED.
 */
export async function enqueueFromRecord(
  { store, reproductions }: Needs,
  { id, of }: ReproductionName,
  key: ActionKey,
  action: NewAction,
): Promise<void> {
  const recorded = await store.getAction(key);
  if (recorded?.parent === of.action)
    throw new ConnectError(`action ${key.action} is in the record`, Code.AlreadyExists);
  if (action.kind !== "trace") throw notRecorded(of, action);
  reproductions.recordTrace(id, { key, state: action.state });
}

function notRecorded({ action, run }: ActionKey, { displayName, kind, spec }: NewAction): BoxkiteError {
  const what =
    kind === "task" ? `${spec?.definition.name ?? displayName} with these inputs` : `${kind} ${displayName}`;
  return new BoxkiteError(
    "CALL_NOT_RECORDED",
    `this call is not in the record: action ${action} of run ${run} has not called ${what}`,
    {
      hint: "a reproduction starts nothing: calls are answered as the action made them; start a run to call something else",
    },
  );
}

type Updates = AsyncIterable<Delivery<typeof WatchForUpdatesResponseSchema>>;

/** The children of the record as they are and as they change, and the traces of the program itself. */
export function watchRecord(
  context: Needs,
  { id, of }: ReproductionName,
  run: RunRecord,
  signal: AbortSignal,
): Updates {
  return merged([watchChildren(context, run, of.action, signal), ownTraces(context, id, signal)]);
}

async function* ownTraces({ reproductions }: Needs, id: string, signal: AbortSignal): Updates {
  let wake = Promise.withResolvers<void>();
  const stops = [
    reproductions.onTrace(id, () => wake.resolve()),
    reproductions.onEnd(id, () => wake.resolve()),
  ];
  signal.addEventListener("abort", () => wake.resolve(), { once: true });
  try {
    for (let sent = 0; !signal.aborted;) {
      const found = reproductions.find(id);
      if (found === undefined) return;
      const messages = found.traces.slice(sent).map((trace) =>
        create(WatchForUpdatesResponseSchema, {
          message: { case: "actionUpdate", value: encodeUpdate({ ...trace, kind: "trace" }, "") },
        }),
      );
      sent += messages.length;
      yield { batch: batchOf(WatchForUpdatesResponseSchema, messages), isBacklog: false };
      await wake.promise;
      wake = Promise.withResolvers();
    }
  } finally {
    for (const stop of stops) stop();
  }
}
