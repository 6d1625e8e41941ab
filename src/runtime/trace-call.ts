/** A trace in a task container: read from its record, or run and recorded. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { decodeErrorKind, encodeErrorDocument } from "./error-document.ts";
import type { RunConnection } from "./run-connection.ts";
import { joinUri } from "../client/storage/storage.ts";
import { ERROR_FILE, OUTPUTS_FILE, outputsUri } from "../domain/outputs.ts";
import { within } from "../lib/wait.ts";
import type { ActiveContext } from "../sdk/authoring/active-context.ts";
import { CallCounter } from "../sdk/authoring/call-counter.ts";
import { decodeError, encodeError } from "../sdk/authoring/error-record.ts";
import { encodeInterface } from "../sdk/authoring/interface.ts";
import { identifyTraceCall, nextActionName } from "../sdk/authoring/naming.ts";
import { sharedState } from "../sdk/authoring/state.ts";
import type { TraceDefinition } from "../sdk/authoring/trace.ts";
import { decodeInputs, decodeOutputs, encodeInputs, encodeOutputs } from "../sdk/authoring/values.ts";
import type { Action } from "../wire/gen/flyteidl2/actions/actions_service_pb.js";
import { ActionPhase } from "../wire/gen/flyteidl2/common/phase_pb.js";
import { ContainerError_Kind } from "../wire/gen/flyteidl2/core/execution_pb.js";
import { OutputsSchema } from "../wire/gen/flyteidl2/task/common_pb.js";

/** How long to wait for the server to confirm the record. */
const RECORD_TIMEOUT_MS = 60_000;

export async function callTrace(
  connection: RunConnection,
  definition: TraceDefinition,
  values: Readonly<Record<string, unknown>>,
  context: ActiveContext,
): Promise<unknown> {
  const {
    watch,
    clock,
    container: { storage },
  } = connection;
  const inputs = await encodeInputs(definition.name, definition.interface, values, context.customContext);
  const name = nextActionName(context, identifyTraceCall(definition, inputs));
  await watch.ready();
  const recorded = watch.state(name);
  if (recorded !== undefined) {
    const failure = recorded.phase === ActionPhase.FAILED ? recorded.error : undefined;
    if (failure !== undefined && failure.recoverability === ContainerError_Kind.NON_RECOVERABLE) {
      throw decodeError(
        { code: failure.code, message: failure.message, kind: decodeErrorKind(failure.kind) },
        definition.name,
        { forGood: true },
      );
    }
    if (recorded.phase !== ActionPhase.FAILED && recorded.outputUri !== "") {
      const bytes = await storage.read(outputsUri("trace", recorded.outputUri));
      return decodeOutputs(definition.name, definition.interface, fromBinary(OutputsSchema, bytes));
    }
  }
  const folder = connection.folderOf(name);
  const inputUri = await connection.writeInputs(name, inputs, `trace ${definition.name}`);
  const startTime = timestampFromDate(new Date(clock.now()));
  const inner: ActiveContext = { ...context, inTrace: true, scope: { name, calls: new CallCounter() } };
  const parsed = await decodeInputs(definition.name, definition.interface, inputs);
  const record = async (phase: ActionPhase, outputUri: string): Promise<void> => {
    const value = {
      name: definition.name,
      phase,
      startTime,
      endTime: timestampFromDate(new Date(clock.now())),
      outputs: { outputUri },
      spec: { interface: encodeInterface(definition.interface) },
    };
    await connection.enqueue(
      { name, inputUri, spec: { case: "trace", value } as unknown as Action["spec"] },
      context,
    );
    await within(watch.ended(name), RECORD_TIMEOUT_MS, clock);
  };
  let outputs;
  try {
    const returned = await sharedState().storage.run(inner, async () => definition.fn(parsed as never));
    outputs = await encodeOutputs(definition.name, definition.interface, returned);
  } catch (error) {
    await storage.write(joinUri(folder, ERROR_FILE), encodeErrorDocument(encodeError(error)));
    await record(ActionPhase.FAILED, "");
    throw error;
  }
  const outputUri = joinUri(folder, OUTPUTS_FILE);
  await storage.write(outputUri, toBinary(OutputsSchema, outputs));
  await record(ActionPhase.SUCCEEDED, outputUri);
  return decodeOutputs(definition.name, definition.interface, outputs);
}
