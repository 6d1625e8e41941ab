/** Repeats a run: its task and its settings are read from the server. */
import { sharedState } from "../authoring/state.ts";
import { create } from "@bufbuild/protobuf";
import { effectiveConfig, targetOfRun, type RunScope } from "../authoring/config.ts";
import { controlPlaneOf } from "./control-plane.ts";
import { compileDeployed } from "../authoring/deployed-task.ts";
import type { CompiledInterface } from "../authoring/interface.ts";
import { RemoteRun } from "./remote-handle.ts";
import type { RerunOptions } from "../authoring/rerun.ts";
import type { Run } from "../authoring/run-handle.ts";
import { encodeRunSpec } from "./run-spec.ts";
import { submitRun } from "./submit-run.ts";
import { encodeInputs, refuseUnknownInputs } from "../authoring/values.ts";
import type { ControlPlane } from "../../client/control-plane.ts";
import { ROOT_ACTION } from "../../domain/ids.ts";
import { InputsSchema, type Inputs } from "../../wire/gen/flyteidl2/task/common_pb.js";

export async function startRerun(
  repeated: Run<unknown> | string,
  options: RerunOptions,
): Promise<Run<unknown>> {
  sharedState().onStart?.([]);
  const { controlPlane, run, scope } = await locate(repeated, options);
  const actionId = { run, name: options.action ?? ROOT_ACTION };
  const [{ details: runDetails }, { details }] = await Promise.all([
    controlPlane.runs.getRunDetails({ runId: run }),
    controlPlane.runs.getActionDetails({ actionId }),
  ]);
  if (details?.spec.case !== "task") {
    const what = details?.spec.case ?? "action without a specification";
    throw new TypeError(`${run.name}/${actionId.name} is a ${what}; only tasks can be run again`);
  }
  const spec = details.spec.value;
  const taskName = spec.taskTemplate?.id?.name ?? "";
  const compiled =
    repeated instanceof RemoteRun && options.action === undefined
      ? repeated.interface
      : compileDeployed(taskName, spec);
  const { inputs: kept } = await controlPlane.data.getActionData({ actionId });
  return submitRun(controlPlane, {
    scope,
    name: options.name,
    taskName,
    target: { case: "taskSpec", value: spec },
    interface: compiled,
    inputs: await changeInputs(taskName, compiled, options, kept ?? create(InputsSchema)),
    spec: encodeRunSpec(
      options,
      {
        kind: options.recover === true ? "recover" : "rerun",
        run,
        ...(options.forceRerunActions === undefined ? {} : { forceRerunActions: options.forceRerunActions }),
      },
      runDetails?.runSpec,
    ),
  });
}

interface Located {
  readonly controlPlane: ControlPlane;
  /** The repeated run. */
  readonly run: RunScope & { readonly name: string };
  /** The project and domain of the new run. */
  readonly scope: RunScope;
}

/** A handle knows the project and domain of its run; a name is looked up in the configured ones. */
async function locate(repeated: Run<unknown> | string, options: RerunOptions): Promise<Located> {
  if (typeof repeated === "string") {
    const config = await effectiveConfig();
    const scope = targetOfRun(config, options);
    return { controlPlane: await controlPlaneOf(config), run: { ...scope, name: repeated }, scope };
  }
  if (!(repeated instanceof RemoteRun))
    throw new TypeError(`${repeated.name} is a local run; only runs on a server can be run again`);
  const { controlPlane, id: run } = repeated;
  const { project = run.project, domain = run.domain } = options;
  if (options.recover === true && (project !== run.project || domain !== run.domain)) {
    throw new TypeError(
      `${run.name} is in ${run.project}/${run.domain}, and a recovery stays there; leave out project and domain`,
    );
  }
  const scope = { org: run.org, project, domain };
  return { controlPlane, run, scope };
}

/** The inputs of the repeated run, except for those that are given. */
async function changeInputs(
  taskName: string,
  compiled: CompiledInterface,
  { inputs = {}, customContext }: RerunOptions,
  kept: Inputs,
): Promise<Inputs> {
  refuseUnknownInputs(taskName, compiled, inputs);
  const differing = new Set(Object.keys(inputs).filter((name) => inputs[name] !== undefined));
  const given = compiled.inputs.filter(({ name }) => differing.has(name));
  const changed = await encodeInputs(taskName, { ...compiled, inputs: given }, inputs, customContext);
  const literals = [...changed.literals, ...kept.literals.filter(({ name }) => !differing.has(name))];
  return create(InputsSchema, {
    // In the order of the interface.
    literals: compiled.inputs.flatMap(({ name }) => literals.filter((literal) => literal.name === name)),
    context: customContext === undefined ? kept.context : changed.context,
  });
}
