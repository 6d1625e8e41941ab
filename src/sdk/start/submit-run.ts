/** Creates a run on a server, once: also where the call is repeated because its answer was lost. */
import { randomUUID } from "node:crypto";
import { clone, create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { RemoteRun } from "./remote-handle.ts";
import type { RunScope } from "../authoring/config.ts";
import type { CompiledInterface } from "../authoring/interface.ts";
import type { ControlPlane } from "../../client/control-plane.ts";
import { connectCodeOf } from "../../client/server-error.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { newRunName } from "../../domain/ids.ts";
import { RunIdentifierSchema, type RunIdentifier } from "../../wire/gen/flyteidl2/common/identifier_pb.js";
import { InputsSchema, type Inputs } from "../../wire/gen/flyteidl2/task/common_pb.js";
import { AnnotationsSchema, RunSpecSchema, type RunSpec } from "../../wire/gen/flyteidl2/task/run_pb.js";
import type { TaskIdentifier, TaskSpec } from "../../wire/gen/flyteidl2/task/task_definition_pb.js";
import { requireInlineSize } from "../../wire/inline-size.ts";

export type RunTarget =
  | { readonly case: "taskSpec"; readonly value: TaskSpec }
  | { readonly case: "taskId"; readonly value: TaskIdentifier };

export interface Submission {
  readonly scope: RunScope;
  /** Undefined: a new one is made. */
  readonly name: string | undefined;
  readonly taskName: string;
  readonly target: RunTarget;
  readonly interface: CompiledInterface;
  readonly inputs: Inputs;
  readonly spec: RunSpec;
}

/**
 * The annotation that tells runs of a chosen name apart: it is of one submission only. The server's protocol has no
 * other field for that.
 */
const MARK = "boxkite/submission";

/**
 * Resolves once the server has stored the run. Throws RUN_EXISTS if the chosen name is taken, and LIMIT_EXCEEDED before
 * anything is sent for inputs that are too large.
 */
export async function submitRun(controlPlane: ControlPlane, submission: Submission): Promise<RemoteRun> {
  const { scope, name, target, inputs, taskName, interface: compiled } = submission;
  requireInlineSize(toBinary(InputsSchema, inputs).length, `task ${taskName}`, inputs.literals);
  const run = create(RunIdentifierSchema, { ...scope, name: name ?? newRunName() });
  // Nobody else makes a run of a name that was made here; one that an author chose may be taken.
  const mark = name === undefined ? undefined : randomUUID();
  const id = { case: "runId" as const, value: run };
  const uploaded = await controlPlane.data.uploadInputs({ id, task: target, inputs });
  const created = await controlPlane.runs
    .createRun({
      id,
      task: target,
      inputWrapper:
        uploaded.offloadedInputData === undefined
          ? { case: "inputs", value: inputs }
          : { case: "offloadedInputData", value: uploaded.offloadedInputData },
      runSpec: marked(submission.spec, mark),
    })
    .catch(async (error: unknown) => {
      if (connectCodeOf(error) !== Code.AlreadyExists) throw error;
      // The call was repeated: the answer to an earlier one was lost.
      if (mark === undefined || (await markOf(controlPlane, run)) === mark) return undefined;
      throw error instanceof BoxkiteError ? error : taken(run, error);
    });
  return new RemoteRun(controlPlane, created?.run?.action?.id?.run ?? run, taskName, compiled);
}

/** Without a mark of the run that is repeated, whose settings this run may have. */
function marked(spec: RunSpec, mark: string | undefined): RunSpec {
  const copy = clone(RunSpecSchema, spec);
  const { [MARK]: _, ...values } = copy.annotations?.values ?? {};
  copy.annotations = create(AnnotationsSchema, {
    values: mark === undefined ? values : { ...values, [MARK]: mark },
  });
  return copy;
}

async function markOf({ runs }: ControlPlane, runId: RunIdentifier): Promise<string | undefined> {
  const { details } = await runs.getRunDetails({ runId });
  return details?.runSpec?.annotations?.values[MARK];
}

function taken({ name, project, domain }: RunIdentifier, cause: unknown): BoxkiteError {
  return new BoxkiteError("RUN_EXISTS", `a run named ${name} exists already in ${project}/${domain}`, {
    cause,
  });
}
