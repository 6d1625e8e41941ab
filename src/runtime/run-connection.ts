/** The connection of a task container to its run: submits actions, and watches those of this parent. */
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, createClient, type Client, type Transport } from "@connectrpc/connect";
import { ChildWatch } from "./child-watch.ts";
import type { Container } from "./container.ts";
import { Limiter } from "../lib/limiter.ts";
import { connectCodeOf, quoteServerError } from "../client/server-error.ts";
import { joinUri } from "../client/storage/storage.ts";
import { createBackoff } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { ActiveContext } from "../sdk/authoring/active-context.ts";
import { TaskError } from "../sdk/authoring/errors.ts";
import {
  ActionSchema,
  ActionsService,
  type Action,
} from "../wire/gen/flyteidl2/actions/actions_service_pb.js";
import { InputsSchema, type Inputs } from "../wire/gen/flyteidl2/task/common_pb.js";
import { requireInlineSize } from "../wire/inline-size.ts";

const ENQUEUE_TIMEOUT_MS = 5000;
/** About a quarter of an hour, with the waits between them. */
const ENQUEUE_ATTEMPTS = 100;
const ENQUEUE_BACKOFF = { baseMs: 1000, factor: 2, capMs: 10_000 };
const UPLOADS_AT_A_TIME = 32;

export interface Submission {
  readonly name: string;
  readonly spec: Action["spec"];
  readonly inputUri: string;
}

export class RunConnection {
  readonly container: Container;
  readonly watch: ChildWatch;
  readonly clock: Clock;
  readonly #client: Client<typeof ActionsService>;
  readonly #uploads = new Limiter(UPLOADS_AT_A_TIME);

  constructor(container: Container, transport: Transport, clock: Clock) {
    this.container = container;
    this.clock = clock;
    this.#client = createClient(ActionsService, transport);
    const parent = this.#actionId(container.arguments.action);
    this.watch = new ChildWatch(this.#client, parent, this.#headers, clock);
  }

  folderOf(name: string): string {
    return joinUri(this.container.arguments.runBaseDir, name);
  }

  /** The URI of an action's inputs, whether or not they have been written. */
  inputUriOf(name: string): string {
    return joinUri(this.folderOf(name), "inputs.pb");
  }

  /** Resolves to their URI. `whose`: in messages. Rejects with a TaskError for inputs that are too large. */
  async writeInputs(name: string, inputs: Inputs, whose: string): Promise<string> {
    const uri = this.inputUriOf(name);
    const bytes = toBinary(InputsSchema, inputs);
    try {
      requireInlineSize(bytes.length, whose, inputs.literals);
    } catch (error) {
      throw refusal("the call is refused", error);
    }
    await this.#uploads.run(() => this.container.storage.write(uri, bytes));
    return uri;
  }

  /** Resolves once the server has stored the action. Rejects with a TaskError if it is refused. */
  async enqueue(submission: Submission, context: ActiveContext): Promise<void> {
    const action = create(ActionSchema, {
      actionId: this.#actionId(submission.name),
      parentActionName: this.container.arguments.action,
      inputUri: submission.inputUri,
      runOutputBase: this.container.arguments.runBaseDir,
      group: context.group ?? "",
      spec: submission.spec,
    });
    const backoff = createBackoff(ENQUEUE_BACKOFF, this.clock);
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#client.enqueue({ action }, { headers: this.#headers, timeoutMs: ENQUEUE_TIMEOUT_MS });
        return;
      } catch (error) {
        const code = connectCodeOf(error);
        // The action exists: from the previous attempt, or from a call whose response was lost.
        if (code === Code.AlreadyExists) return;
        if (REFUSALS.has(code)) throw refusal(`the server refused the action ${submission.name}`, error);
        if (attempt >= ENQUEUE_ATTEMPTS && code !== Code.ResourceExhausted) {
          throw systemError(`the server cannot be reached: ${quoteServerError(error)}`, error);
        }
        await backoff.wait();
      }
    }
  }

  #actionId(name: string): { run: RunId; name: string } {
    const { org, project, domain, run } = this.container.arguments;
    return { run: { org, project, domain, name: run } as RunId, name };
  }

  get #headers(): Record<string, string> {
    const { project, domain, run, action } = this.container.arguments;
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

/** Who asks for what the server does not do, or for too much, can change that: the error is not the system's. */
function refusal(what: string, error: unknown): TaskError {
  const message = `${what}: ${quoteServerError(error)}`;
  if (!(error instanceof BoxkiteError)) return systemError(message, error);
  return new TaskError(message, { code: error.code, kind: error.kind, cause: error });
}

/** For failures that are not the task's: of the server, or of the connection to it. */
export function systemError(message: string, cause?: unknown): TaskError {
  return new TaskError(message, { code: "RuntimeSystemError", kind: "system", cause });
}
