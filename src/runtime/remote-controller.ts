/** Performs calls of a task in a container: each becomes an action of the run. */
import { create, fromBinary } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { registerCondition } from "./condition-call.ts";
import { connectionOf, settingsOf, type Container } from "./container.ts";
import { decodeErrorDocument, decodeErrorKind } from "./error-document.ts";
import { Limiter } from "../lib/limiter.ts";
import { once } from "../lib/once.ts";
import { RunConnection, systemError } from "./run-connection.ts";
import { callTrace } from "./trace-call.ts";
import { joinUri } from "../client/storage/storage.ts";
import { createTransport } from "../client/transport.ts";
import { ERROR_FILE, outputsUri } from "../domain/outputs.ts";
import { systemClock, type Clock } from "../lib/clock.ts";
import type { ActiveContext } from "../sdk/authoring/active-context.ts";
import type { ConditionRequest } from "../sdk/authoring/condition.ts";
import { findDeployedTask, type DeployedTaskDetails } from "../sdk/authoring/deployed-task.ts";
import { decodeError } from "../sdk/authoring/error-record.ts";
import { ActionAbortedError } from "../sdk/authoring/errors.ts";
import type { CompiledInterface } from "../sdk/authoring/interface.ts";
import { identifyTaskCall, nextActionName } from "../sdk/authoring/naming.ts";
import { overrideSpec } from "../sdk/authoring/override-spec.ts";
import type { TaskDefinition, TaskReference } from "../sdk/authoring/task.ts";
import { encodeTaskSpec, type SpecSettings } from "../sdk/authoring/task-spec.ts";
import type { TraceDefinition } from "../sdk/authoring/trace.ts";
import { decodeOutputs, encodeInputs } from "../sdk/authoring/values.ts";
import { hashCacheKey } from "../wire/literals/hash.ts";
import type { Action } from "../wire/gen/flyteidl2/actions/actions_service_pb.js";
import { ActionPhase } from "../wire/gen/flyteidl2/common/phase_pb.js";
import { OutputsSchema } from "../wire/gen/flyteidl2/task/common_pb.js";
import type { TaskIdentifier } from "../wire/gen/flyteidl2/task/task_definition_pb.js";
import { TaskService } from "../wire/gen/flyteidl2/task/task_service_pb.js";
import type { ActionUpdate } from "../wire/gen/flyteidl2/workflow/state_service_pb.js";

const DEFAULT_PARENT_CONCURRENCY = 1000;

interface CalledTask extends DeployedTaskDetails {
  readonly name: string;
  readonly queue: string | undefined;
}

export class RemoteController {
  readonly #connection: RunConnection;
  readonly #transport: Transport;
  readonly #settings: SpecSettings;
  readonly #calls: Limiter;
  readonly #called = new WeakMap<TaskDefinition | TaskReference, () => Promise<CalledTask>>();
  /** By what was declared, and by the name and version of the task. */
  readonly #deployed = new Map<
    CompiledInterface | undefined,
    Map<string, () => Promise<DeployedTaskDetails>>
  >();

  constructor(container: Container, transport: Transport, clock: Clock = systemClock) {
    this.#connection = new RunConnection(container, transport, clock);
    this.#transport = transport;
    this.#calls = new Limiter(Number(container.env["_F_P_CNC"] ?? DEFAULT_PARENT_CONCURRENCY));
    this.#settings = settingsOf(container);
  }

  /** Connected to the server of the container's run. */
  static async open(container: Container): Promise<RemoteController> {
    return new RemoteController(container, createTransport(await connectionOf(container.env)));
  }

  close(): void {
    this.#connection.watch.close();
  }

  async call(
    definition: TaskDefinition,
    values: Readonly<Record<string, unknown>>,
    context: ActiveContext,
  ): Promise<unknown> {
    const called = this.#calledOnce(definition, async () => this.#ownTask(definition));
    return this.#callTask(await called, values, context);
  }

  async callReference(
    reference: TaskReference,
    values: Readonly<Record<string, unknown>>,
    context: ActiveContext,
  ): Promise<unknown> {
    const called = this.#calledOnce(reference, () => this.#deployedTask(reference));
    return this.#callTask(await called, values, context);
  }

  /** Encoded once: a task is called many times, and its interface has to be hashed for the name of each call. */
  #calledOnce(key: TaskDefinition | TaskReference, make: () => Promise<CalledTask>): Promise<CalledTask> {
    let called = this.#called.get(key);
    if (called === undefined) this.#called.set(key, (called = once(make)));
    return called();
  }

  #ownTask(definition: TaskDefinition): CalledTask {
    const { fullName, options, interface: compiled } = definition;
    const { org, project, domain, version } = this.#settings;
    return {
      name: fullName,
      id: { org, project, domain, name: fullName, version } as TaskIdentifier,
      spec: encodeTaskSpec(definition, this.#settings),
      interface: compiled,
      queue: options.queue,
    };
  }

  async #deployedTask(reference: TaskReference): Promise<CalledTask> {
    const { name, options } = reference;
    const details = await this.#findDeployed(reference);
    return { ...details, name, spec: overrideSpec(details.spec, options), queue: options.queue };
  }

  /** Resolved and compared once per reference, so that all calls in this action use the same version. */
  #findDeployed(reference: TaskReference): Promise<DeployedTaskDetails> {
    const { name, declared } = reference;
    const key = JSON.stringify([name, reference.project, reference.domain, reference.version]);
    const known = this.#deployed.get(declared) ?? new Map<string, () => Promise<DeployedTaskDetails>>();
    this.#deployed.set(declared, known);
    let found = known.get(key);
    if (found === undefined) {
      const { org, project, domain, version } = this.#settings;
      const tasks = createClient(TaskService, this.#transport);
      const scope = { org, project, domain, currentVersion: version };
      found = once(() => findDeployedTask(tasks, reference, scope));
      known.set(key, found);
    }
    return found();
  }

  async #callTask(
    task: CalledTask,
    values: Readonly<Record<string, unknown>>,
    context: ActiveContext,
  ): Promise<unknown> {
    const { name: taskName, id, spec, queue = "", interface: compiled } = task;
    const inputs = await encodeInputs(taskName, compiled, values, context.customContext);
    const metadata = spec.taskTemplate?.metadata;
    const cacheVersion = metadata?.discoveryVersion ?? "";
    const called = identifyTaskCall(
      {
        name: taskName,
        interface: spec.taskTemplate?.interface,
        cacheVersion,
        ignoredInputs: metadata?.cacheIgnoreInputVars ?? [],
      },
      inputs,
    );
    const name = nextActionName(context, called);
    const cacheKey = metadata?.discoverable ? hashCacheKey({ ...called, taskName, cacheVersion }) : undefined;
    const { watch } = this.#connection;
    const ended = await this.#calls.run(async () => {
      await watch.ready();
      if (watch.state(name) === undefined) {
        const inputUri = await this.#connection.writeInputs(name, inputs, `task ${taskName}`);
        const value = { id, spec, queue, ...(cacheKey === undefined ? {} : { cacheKey }) };
        const action = { name, inputUri, spec: { case: "task", value } as Action["spec"] };
        await this.#connection.enqueue(action, context);
      }
      return watch.ended(name);
    });
    return this.#resultOf(taskName, name, compiled, ended);
  }

  async #resultOf(
    taskName: string,
    name: string,
    compiled: CompiledInterface,
    ended: ActionUpdate,
  ): Promise<unknown> {
    const where = `${taskName} (action ${name})`;
    switch (ended.phase) {
      case ActionPhase.SUCCEEDED:
      case ActionPhase.RECOVERED: {
        // A sleep writes none.
        if (compiled.outputs.length === 0) return decodeOutputs(taskName, compiled, create(OutputsSchema));
        if (ended.outputUri === "")
          throw systemError(`${where} succeeded, but the server did not return the URI of its outputs`);
        const bytes = await this.#connection.container.storage.read(outputsUri("task", ended.outputUri));
        return decodeOutputs(taskName, compiled, fromBinary(OutputsSchema, bytes));
      }
      case ActionPhase.ABORTED:
        throw new ActionAbortedError(
          `${where} was aborted${ended.error?.message ? `: ${ended.error.message}` : ""}`,
        );
      default:
        throw await this.#errorOf(where, name, ended);
    }
  }

  async #errorOf(where: string, name: string, ended: ActionUpdate): Promise<Error> {
    if (ended.error !== undefined) {
      const { code, message, kind } = ended.error;
      const timedOut = ended.phase === ActionPhase.TIMED_OUT;
      const text = timedOut && message === "" ? `${where} ran out of time` : message;
      return decodeError(
        { code: code || (timedOut ? "DEADLINE_EXCEEDED" : ""), message: text, kind: decodeErrorKind(kind) },
        where,
      );
    }
    const bytes = await this.#connection.container.storage.read(
      joinUri(this.#connection.folderOf(name), "1", ERROR_FILE),
    );
    return decodeError(decodeErrorDocument(bytes), where);
  }

  async trace(
    definition: TraceDefinition,
    values: Readonly<Record<string, unknown>>,
    context: ActiveContext,
  ): Promise<unknown> {
    return callTrace(this.#connection, definition, values, context);
  }

  async condition(request: ConditionRequest, context: ActiveContext): Promise<() => Promise<unknown>> {
    return registerCondition(this.#connection, request, context);
  }
}
