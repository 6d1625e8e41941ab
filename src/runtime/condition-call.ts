/** A condition in a task container: an action that waits for an answer. */
import { systemError, type RunConnection } from "./run-connection.ts";
import type { ActiveContext } from "../sdk/authoring/active-context.ts";
import type { ConditionRequest } from "../sdk/authoring/condition.ts";
import { encodeDuration } from "../sdk/authoring/duration.ts";
import { ActionAbortedError, ConditionTimeoutError } from "../sdk/authoring/errors.ts";
import { identifyCondition, nextActionName } from "../sdk/authoring/naming.ts";
import { decodeLiteral } from "../wire/literals/decode.ts";
import { encodeLiteralType } from "../wire/literals/literal-type.ts";
import type { WireType } from "../wire/literals/wire-type.ts";
import type { Action } from "../wire/gen/flyteidl2/actions/actions_service_pb.js";
import { ActionPhase } from "../wire/gen/flyteidl2/common/phase_pb.js";
import { ConditionPromptType } from "../wire/gen/flyteidl2/workflow/run_definition_pb.js";

/** Registers the condition; the result waits for the answer. */
export async function registerCondition(
  connection: RunConnection,
  request: ConditionRequest,
  context: ActiveContext,
): Promise<() => Promise<unknown>> {
  const name = nextActionName(context, identifyCondition(request.name));
  const type = CONDITION_TYPES[request.type ?? "boolean"];
  const value = {
    name: request.name,
    type: encodeLiteralType(type),
    prompt: request.prompt ?? "Approve?",
    description: request.description ?? "",
    promptType: request.promptFormat === "markdown" ? ConditionPromptType.MARKDOWN : ConditionPromptType.TEXT,
    ...(request.timeout === undefined ? {} : { timeout: encodeDuration(request.timeout) }),
    ...(request.webhook === undefined ? {} : { webhook: request.webhook }),
  };
  // A condition has no inputs; the server requires a URI nevertheless.
  const inputUri = connection.inputUriOf(name);
  const { watch } = connection;
  await watch.ready();
  if (watch.state(name) === undefined) {
    await connection.enqueue(
      { name, inputUri, spec: { case: "condition", value } as unknown as Action["spec"] },
      context,
    );
  }
  return async () => {
    const ended = await watch.ended(name);
    const where = `the condition ${request.name} (action ${name})`;
    switch (ended.phase) {
      case ActionPhase.SUCCEEDED:
      case ActionPhase.RECOVERED:
        if (ended.value === undefined) throw systemError(`${where} was answered without a value`);
        return decodeLiteral(ended.value, type, where);
      case ActionPhase.ABORTED:
        throw new ActionAbortedError(`${where} was aborted`);
      case ActionPhase.TIMED_OUT:
        throw new ConditionTimeoutError(`${where} was not answered in time`);
      default:
        throw systemError(`${where} failed: ${ended.error?.message ?? "no reason given"}`);
    }
  };
}

const CONDITION_TYPES: Readonly<Record<NonNullable<ConditionRequest["type"]>, WireType>> = {
  boolean: { kind: "boolean" },
  integer: { kind: "integer", bigint: false },
  number: { kind: "float" },
  string: { kind: "string" },
};
