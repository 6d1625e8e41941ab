/** The messages that benchmarks send: tasks that are nothing but a command, as large as the SDK's. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ROOT_ACTION } from "../../src/domain/ids.ts";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { TaskSpecSchema } from "../../src/wire/gen/flyteidl2/task/task_definition_pb.js";
import type { EnqueueRequestSchema } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import type { Clients } from "./server.ts";

export const SCOPE = { project: "flytesnacks", domain: "development" } as const;
export const ROOT = ROOT_ACTION;

export interface TaskOptions {
  readonly command: readonly string[];
  readonly image?: string;
  readonly name?: string;
}

/** About 1.5 KiB on the wire, as the specification of a small task of the stock SDK. */
export function taskSpec({ command, image = "bench", name = "bench.task" }: TaskOptions) {
  return create(TaskSpecSchema, {
    shortName: name.split(".").at(-1) ?? name,
    environment: { name: "bench" },
    taskTemplate: {
      id: { org: "", ...SCOPE, name, version: "1" },
      type: "python",
      metadata: { retries: { retries: 0 } },
      interface: {},
      target: {
        case: "container",
        // Taken for the arguments of /bin/sh -c, which ignores them.
        value: {
          image,
          command: [...command],
          args: [],
          env: [{ key: "BENCH_PADDING", value: "x".repeat(1_024) }],
        },
      },
    },
  });
}

export type TaskSpecMessage = ReturnType<typeof taskSpec>;

export async function createRun(clients: Clients, name: string, spec: TaskSpecMessage): Promise<void> {
  await clients.runs.createRun({
    id: { case: "runId", value: { org: "", ...SCOPE, name } },
    task: { case: "taskSpec", value: spec },
  });
}

export function actionId(run: string, action: string) {
  return { run: { org: "", ...SCOPE, name: run }, name: action };
}

export function enqueueRequest(
  run: string,
  action: string,
  spec: TaskSpecMessage,
): MessageInitShape<typeof EnqueueRequestSchema> {
  return {
    action: {
      actionId: actionId(run, action),
      parentActionName: ROOT,
      inputUri: `s3://boxkite/${SCOPE.project}/${SCOPE.domain}/runs/${run}/${action}/inputs.pb`,
      runOutputBase: `s3://boxkite/${SCOPE.project}/${SCOPE.domain}/runs/${run}`,
      spec: { case: "task", value: { spec } },
    },
  };
}

const TERMINAL = new Set<ActionPhase>([
  ActionPhase.SUCCEEDED,
  ActionPhase.FAILED,
  ActionPhase.ABORTED,
  ActionPhase.TIMED_OUT,
]);

export function isOver(phase: ActionPhase): boolean {
  return TERMINAL.has(phase);
}

/** Resolves when the run's root has this phase; throws where it ends otherwise. */
export async function untilPhase(clients: Clients, run: string, phase: ActionPhase): Promise<void> {
  const runId = { org: "", ...SCOPE, name: run };
  for await (const { details } of clients.runs.watchRunDetails({ runId })) {
    const now = details?.action?.status?.phase ?? ActionPhase.UNSPECIFIED;
    if (now === phase) return;
    if (isOver(now)) throw new Error(`run ${run} is ${ActionPhase[now]} instead of ${ActionPhase[phase]}`);
  }
  throw new Error(`the server told nothing more of run ${run}`);
}

/** Ends a run and waits for it, so that no process of it outlives the server. */
export async function abortRun(clients: Clients, run: string): Promise<void> {
  await clients.runs.abortRun({ runId: { org: "", ...SCOPE, name: run }, reason: "the benchmark is over" });
  await untilPhase(clients, run, ActionPhase.ABORTED).catch(() => {});
}
