/** Calls from inside a task container: each becomes an action of the run. */
import { setTimeout as sleep } from "node:timers/promises";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, createClient, type Client, type Transport } from "@connectrpc/connect";
import { ChildWatch } from "./child-watch.ts";
import { connectionOf, settingsOf, type Container } from "./container.ts";
import { decodeErrorDocument, decodeErrorKind, encodeErrorDocument } from "./error-document.ts";
import { Limiter } from "./limiter.ts";
import { createTransport } from "../client/transport.ts";
import { joinUri } from "../client/storage/storage.ts";
import { connectCodeOf, quoteServerError } from "../client/server-error.ts";
import { OUTPUTS_FILE, outputsUri } from "../domain/outputs.ts";
import type { ActiveContext } from "../sdk/authoring/active-context.ts";
import type { ConditionRequest } from "../sdk/authoring/condition.ts";
import { findDeployedTask, type DeployedTaskDetails } from "../sdk/authoring/deployed-task.ts";
import { encodeDuration } from "../sdk/authoring/duration.ts";
import {
  ActionAbortedError,
  ConditionTimeoutError,
  decodeError,
  encodeError,
  TaskError,
} from "../sdk/authoring/errors.ts";
import { encodeInterface, type CompiledInterface } from "../sdk/authoring/interface.ts";
import {
  CallCounter,
  identifyCondition,
  identifyTaskCall,
  identifyTraceCall,
  nextActionName,
} from "../sdk/authoring/naming.ts";
import { overrideSpec } from "../sdk/authoring/override-spec.ts";
import { sharedState } from "../sdk/authoring/state.ts";
import type { TaskDefinition, TaskReference } from "../sdk/authoring/task.ts";
import { encodeTaskSpec, type SpecSettings } from "../sdk/authoring/task-spec.ts";
import type { TraceDefinition } from "../sdk/authoring/trace.ts";
import { decodeInputs, decodeOutputs, encodeInputs, encodeOutputs } from "../sdk/authoring/values.ts";
import { decodeLiteral } from "../wire/literals/decode.ts";
import { hashCacheKey } from "../wire/literals/hash.ts";
import type { WireType } from "../wire/literals/wire-type.ts";
import { encodeLiteralType } from "../wire/literals/literal-type.ts";
import { ActionPhase } from "../wire/gen/flyteidl2/common/phase_pb.js";
import {
  ActionSchema,
  ActionsService,
  type Action,
} from "../wire/gen/flyteidl2/actions/actions_service_pb.js";
import { ContainerError_Kind } from "../wire/gen/flyteidl2/core/execution_pb.js";
import { InputsSchema, OutputsSchema, type Inputs } from "../wire/gen/flyteidl2/task/common_pb.js";
import type { TaskIdentifier, TaskSpec } from "../wire/gen/flyteidl2/task/task_definition_pb.js";
import { TaskService } from "../wire/gen/flyteidl2/task/task_service_pb.js";
import { ConditionPromptType } from "../wire/gen/flyteidl2/workflow/run_definition_pb.js";
import type { ActionUpdate } from "../wire/gen/flyteidl2/workflow/state_service_pb.js";

const ENQUEUE_TIMEOUT_MS = 5000;
const ENQUEUE_ATTEMPTS = 100;
const ENQUEUE_MAX_WAIT_MS = 10_000;
/** How long the server may take to confirm the record of a trace. */
const TRACE_TIMEOUT_MS = 60_000;
const DEFAULT_PARENT_CONCURRENCY = 1000;
const UPLOADS_AT_A_TIME = 32;

type ActionSpec = Action["spec"];

interface Submission {
  readonly name: string;
  readonly spec: ActionSpec;
  readonly inputUri: string;
}

export class RemoteController {
  readonly #container: Container;
  readonly #client: Client<typeof ActionsService>;
  readonly #transport: Transport;
  readonly #watch: ChildWatch;
  readonly #settings: SpecSettings;
  readonly #calls: Limiter;
  readonly #uploads = new Limiter(UPLOADS_AT_A_TIME);
  readonly #deployed = new Map<string, Promise<DeployedTaskDetails>>();

  constructor(container: Container, transport: Transport) {
    const { arguments: given, env } = container;
    this.#container = container;
    this.#transport = transport;
    this.#client = createClient(ActionsService, this.#transport);
    this.#watch = new ChildWatch(this.#client, this.#actionId(given.action), this.#headers);
    this.#calls = new Limiter(Number(env["_F_P_CNC"] ?? DEFAULT_PARENT_CONCURRENCY));
    this.#settings = settingsOf(container);
  }

  /** Connected to the server of the container's run. */
  static async open(container: Container): Promise<RemoteController> {
    return new RemoteController(
      container,
      createTransport({ ...(await connectionOf(container.env)), retry: false }),
    );
  }

  close(): void {
    this.#watch.close();
  }

  async call(
    definition: TaskDefinition,
    values: Readonly<Record<string, unknown>>,
    context: ActiveContext,
  ): Promise<unknown> {
    const { fullName } = definition;
    const inputs = await encodeInputs(fullName, definition.interface, values, context.customContext);
    const spec = encodeTaskSpec(definition, this.#settings);
    const { org, project, domain, version } = this.#settings;
    const id = { org, project, domain, name: fullName, version } as TaskIdentifier;
    return this.#callTask(
      fullName,
      id,
      spec,
      definition.interface,
      inputs,
      definition.options.queue,
      context,
    );
  }

  async callReference(
    reference: TaskReference,
    values: Readonly<Record<string, unknown>>,
    context: ActiveContext,
  ): Promise<unknown> {
    const details = await this.#findDeployed(reference);
    const inputs = await encodeInputs(reference.name, details.interface, values, context.customContext);
    const spec = overrideSpec(details.spec, reference.options);
    return this.#callTask(
      reference.name,
      details.id,
      spec,
      details.interface,
      inputs,
      reference.options.queue,
      context,
    );
  }

  /** Once per reference and action: all calls in it go to the same version. */
  #findDeployed(reference: TaskReference): Promise<DeployedTaskDetails> {
    const key = JSON.stringify([
      reference.name,
      reference.project,
      reference.domain,
      reference.version,
      reference.declared,
    ]);
    let found = this.#deployed.get(key);
    if (found === undefined) {
      const { org, project, domain, version } = this.#settings;
      const tasks = createClient(TaskService, this.#transport);
      found = findDeployedTask(tasks, reference, { org, project, domain, currentVersion: version });
      this.#deployed.set(key, found);
    }
    return found;
  }

  async #callTask(
    taskName: string,
    id: TaskIdentifier,
    spec: TaskSpec,
    compiled: CompiledInterface,
    inputs: Inputs,
    queue: string | undefined,
    context: ActiveContext,
  ): Promise<unknown> {
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
    const inputUri = joinUri(this.#folderOf(name), "inputs.pb");
    const ended = await this.#calls.run(async () => {
      await this.#watch.ready();
      if (this.#watch.state(name) === undefined) {
        const bytes = toBinary(InputsSchema, inputs);
        await this.#uploads.run(() => this.#container.storage.write(inputUri, bytes));
        const task = { id, spec, queue: queue ?? "", ...(cacheKey === undefined ? {} : { cacheKey }) };
        await this.#enqueue({ name, inputUri, spec: { case: "task", value: task } as ActionSpec }, context);
      }
      return this.#watch.ended(name);
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
        if (compiled.shape === "none") return undefined;
        if (ended.outputUri === "")
          throw systemError(`${where} succeeded, but the server does not say where its outputs are`);
        const bytes = await this.#container.storage.read(outputsUri("task", ended.outputUri));
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
    const bytes = await this.#container.storage.read(joinUri(this.#folderOf(name), "1", "error.pb"));
    return decodeError(decodeErrorDocument(bytes), where);
  }

  async trace(
    definition: TraceDefinition,
    values: Readonly<Record<string, unknown>>,
    context: ActiveContext,
  ): Promise<unknown> {
    const { storage } = this.#container;
    const inputs = await encodeInputs(definition.name, definition.interface, values, context.customContext);
    const name = nextActionName(context, identifyTraceCall(definition.identity, inputs));
    await this.#watch.ready();
    const recorded = this.#watch.state(name);
    if (recorded !== undefined) {
      const failure = recorded.phase === ActionPhase.FAILED ? recorded.error : undefined;
      if (failure !== undefined && failure.recoverability === ContainerError_Kind.NON_RECOVERABLE) {
        throw decodeError(
          { code: failure.code, message: failure.message, kind: decodeErrorKind(failure.kind) },
          definition.name,
        );
      }
      if (recorded.phase !== ActionPhase.FAILED && recorded.outputUri !== "") {
        const bytes = await storage.read(outputsUri("trace", recorded.outputUri));
        return decodeOutputs(definition.name, definition.interface, fromBinary(OutputsSchema, bytes));
      }
    }
    const folder = this.#folderOf(name);
    const inputUri = joinUri(folder, "inputs.pb");
    await this.#uploads.run(() => storage.write(inputUri, toBinary(InputsSchema, inputs)));
    const startTime = timestampFromDate(new Date());
    const inner: ActiveContext = { ...context, inTrace: true, scope: { name, calls: new CallCounter() } };
    const parsed = await decodeInputs(definition.name, definition.interface, inputs);
    const record = async (phase: ActionPhase, outputUri: string): Promise<void> => {
      const value = {
        name: definition.name,
        phase,
        startTime,
        endTime: timestampFromDate(new Date()),
        outputs: { outputUri },
        spec: { interface: encodeInterface(definition.interface) },
      };
      await this.#enqueue(
        { name, inputUri, spec: { case: "trace", value } as unknown as ActionSpec },
        context,
      );
      await Promise.race([this.#watch.ended(name), sleep(TRACE_TIMEOUT_MS, undefined, { ref: false })]);
    };
    let outputs;
    try {
      const returned = await sharedState().storage.run(inner, async () => definition.fn(parsed as never));
      outputs = await encodeOutputs(definition.name, definition.interface, returned);
    } catch (error) {
      await storage.write(joinUri(folder, "error.pb"), encodeErrorDocument(encodeError(error)));
      await record(ActionPhase.FAILED, "");
      throw error;
    }
    const outputUri = joinUri(folder, OUTPUTS_FILE);
    await storage.write(outputUri, toBinary(OutputsSchema, outputs));
    await record(ActionPhase.SUCCEEDED, outputUri);
    return decodeOutputs(definition.name, definition.interface, outputs);
  }

  async condition(request: ConditionRequest, context: ActiveContext): Promise<() => Promise<unknown>> {
    const name = nextActionName(context, identifyCondition(request.name));
    const type = CONDITION_TYPES[request.type ?? "boolean"];
    const value = {
      name: request.name,
      type: encodeLiteralType(type),
      prompt: request.prompt ?? "Approve?",
      description: request.description ?? "",
      promptType:
        request.promptFormat === "markdown" ? ConditionPromptType.MARKDOWN : ConditionPromptType.TEXT,
      ...(request.timeout === undefined ? {} : { timeout: encodeDuration(request.timeout) }),
      ...(request.webhook === undefined ? {} : { webhook: request.webhook }),
    };
    // A condition has no inputs; the server wants a URI all the same.
    const inputUri = joinUri(this.#folderOf(name), "inputs.pb");
    await this.#watch.ready();
    if (this.#watch.state(name) === undefined) {
      await this.#enqueue(
        { name, inputUri, spec: { case: "condition", value } as unknown as ActionSpec },
        context,
      );
    }
    return async () => {
      const ended = await this.#watch.ended(name);
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

  async #enqueue(submission: Submission, context: ActiveContext): Promise<void> {
    const action = create(ActionSchema, {
      actionId: this.#actionId(submission.name),
      parentActionName: this.#container.arguments.action,
      inputUri: submission.inputUri,
      runOutputBase: this.#container.arguments.runBaseDir,
      group: context.group ?? "",
      spec: submission.spec,
    });
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#client.enqueue({ action }, { headers: this.#headers, timeoutMs: ENQUEUE_TIMEOUT_MS });
        return;
      } catch (error) {
        const code = connectCodeOf(error);
        // The action is on record: by the attempt before this one, or by a call whose answer was lost.
        if (code === Code.AlreadyExists) return;
        if (REFUSALS.has(code))
          throw systemError(
            `the server refused the action ${submission.name}: ${quoteServerError(error)}`,
            error,
          );
        if (attempt >= ENQUEUE_ATTEMPTS && code !== Code.ResourceExhausted) {
          throw systemError(`the server cannot be reached: ${quoteServerError(error)}`, error);
        }
        await sleep(Math.min(500 * 2 ** Math.min(attempt, 10), ENQUEUE_MAX_WAIT_MS));
      }
    }
  }

  #folderOf(name: string): string {
    return joinUri(this.#container.arguments.runBaseDir, name);
  }

  #actionId(name: string): { run: RunId; name: string } {
    const { org, project, domain, run } = this.#container.arguments;
    return { run: { org, project, domain, name: run } as RunId, name };
  }

  get #headers(): Record<string, string> {
    const { project, domain, run, action } = this.#container.arguments;
    return {
      "x-actions-project": project,
      "x-actions-domain": domain,
      "x-actions-run": run,
      "x-actions-parent-action": action,
    };
  }
}

type RunId = NonNullable<NonNullable<Action["actionId"]>["run"]>;

const REFUSALS: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.Aborted,
  Code.FailedPrecondition,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.Unimplemented,
]);

const CONDITION_TYPES: Readonly<Record<NonNullable<ConditionRequest["type"]>, WireType>> = {
  boolean: { kind: "boolean" },
  integer: { kind: "integer", bigint: false },
  number: { kind: "float" },
  string: { kind: "string" },
};

function systemError(message: string, cause?: unknown): TaskError {
  return new TaskError(message, { code: "RuntimeSystemError", kind: "system", cause });
}
