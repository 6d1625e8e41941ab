/** The answer to a condition of a run on a server. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { phaseOf } from "./phases.ts";
import type { Answer } from "../authoring/condition.ts";
import type { ControlPlane } from "../../client/control-plane.ts";
import { isTerminal } from "../../domain/phase.ts";
import type { Clock } from "../../lib/clock.ts";
import { Filter_Function } from "../../wire/gen/flyteidl2/common/list_pb.js";
import { ActionPhase } from "../../wire/gen/flyteidl2/common/phase_pb.js";
import type { ActionIdentifier, RunIdentifier } from "../../wire/gen/flyteidl2/common/identifier_pb.js";
import { SimpleType, type LiteralType } from "../../wire/gen/flyteidl2/core/types_pb.js";
import type { EventPayloadSchema } from "../../wire/gen/flyteidl2/workflow/run_service_pb.js";

const POLL_MS = 500;

export async function signalCondition(
  { runs }: ControlPlane,
  run: RunIdentifier,
  condition: string,
  answer: Answer,
  clock: Clock,
): Promise<void> {
  for (;;) {
    // In this order, so that the conditions are read once more if the run ends between the two calls.
    const { details } = await runs.getRunDetails({ runId: run });
    const actionId = await findWaiting(runs, run, condition);
    if (actionId !== undefined) {
      const { details: asked } = await runs.getActionDetails({ actionId });
      const type = asked?.spec.case === "condition" ? asked.spec.value.type : undefined;
      const parentActionName = asked?.metadata?.parent ?? "";
      await runs
        .signalEvent({ actionId, parentActionName, payload: encodeAnswer(answer, type) })
        .catch(async (error: unknown) => {
          // The call is repeated if its answer was lost, and the server refuses to answer a condition again.
          if (!(await isAnswered(runs, actionId, answer))) throw error;
        });
      return;
    }
    if (isTerminal(phaseOf(details?.action?.status?.phase)))
      throw new Error(`run ${run.name} has ended; no condition ${condition} waits in it`);
    await clock.sleep(POLL_MS);
  }
}

async function findWaiting(
  runs: ControlPlane["runs"],
  runId: RunIdentifier,
  condition: string,
): Promise<ActionIdentifier | undefined> {
  const paused = { function: Filter_Function.EQUAL, field: "phase", values: [String(ActionPhase.PAUSED)] };
  for (let token = ""; ;) {
    const page = await runs.listActions({ runId, request: { limit: 100, token, filters: [paused] } });
    const found = page.actions.find(
      ({ metadata }) => metadata?.spec.case === "condition" && metadata.spec.value.name === condition,
    );
    if (found !== undefined) return found.id;
    if (page.token === "") return undefined;
    token = page.token;
  }
}

/** Whether the condition has this answer. */
async function isAnswered(
  runs: ControlPlane["runs"],
  actionId: ActionIdentifier,
  answer: Answer,
): Promise<boolean> {
  const { details } = await runs.getActionDetails({ actionId });
  const output = details?.result.case === "signalInfo" ? details.result.value.output : undefined;
  const scalar = output?.value.case === "scalar" ? output.value.value.value : undefined;
  const given = scalar?.case === "primitive" ? scalar.value.value.value : undefined;
  return given === answer || (typeof given === "bigint" && Number(given) === answer);
}

/** The condition's type decides whether a number is sent as an integer; the server rejects what does not fit. */
function encodeAnswer(
  answer: Answer,
  type: LiteralType | undefined,
): MessageInitShape<typeof EventPayloadSchema> {
  if (typeof answer === "boolean") return { value: { case: "boolValue", value: answer } };
  if (typeof answer === "string") return { value: { case: "stringValue", value: answer } };
  const wantsInteger = type?.type.case === "simple" && type.type.value === SimpleType.INTEGER;
  return wantsInteger && Number.isSafeInteger(answer)
    ? { value: { case: "intValue", value: BigInt(answer) } }
    : { value: { case: "floatValue", value: answer } };
}
