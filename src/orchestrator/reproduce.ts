/** Prepares an attempt to be run again on a terminal: as it was started, with an identity and with prefixes of its own. */
import type { ActionRecord } from "../domain/action-record.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { RunRecord } from "../domain/run.ts";
import type { TaskDefinition } from "../domain/task.ts";
import type { Executor } from "../executors/executor.ts";
import type { InteractiveContainer } from "../executors/interactive.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/store.ts";
import { issueAccessKey } from "./access-keys.ts";
import { makeAttemptSpec } from "./attempt-spec.ts";
import { imageOfRun } from "./images.ts";
import { nameOfReproduction, type Reproduction, type Reproductions } from "./reproductions.ts";
import type { SigningKeys } from "./signing-keys.ts";

export interface ReproducerOptions {
  readonly store: Store;
  readonly executor: Executor;
  readonly signingKeys: SigningKeys;
  readonly reproductions: Reproductions;
  /** host:port at which attempts reach the server. */
  readonly endpoint: () => string;
  readonly log: Logger;
}

export interface ReproductionRequest {
  readonly run: RunRecord;
  readonly action: ActionRecord;
  readonly definition: TaskDefinition;
  /** @default the newest */
  readonly attempt?: number | undefined;
  /** Where the inputs are that it gets instead of the action's. */
  readonly storeInputs?: ((reproduction: Reproduction) => Promise<string>) | undefined;
}

export interface PreparedReproduction {
  readonly reproduction: Reproduction;
  readonly container: InteractiveContainer;
}

/** Throws INVALID_ARGUMENT where there is nothing to run again, LIMIT_EXCEEDED, IMAGE_* and ENGINE_*. */
export type Reproduce = (request: ReproductionRequest, signal: AbortSignal) => Promise<PreparedReproduction>;

export function createReproduce(options: ReproducerOptions): Reproduce {
  const { store, executor, signingKeys, reproductions, log } = options;
  return async ({ run, action, definition, attempt: asked, storeInputs }, signal) => {
    const { interactive } = executor;
    if (interactive === undefined) throw noContainers(executor.description);
    const attempts = await store.listAttempts(action);
    const attempt = asked ?? attempts.at(-1)?.attempt;
    const record = attempts.find((each) => each.attempt === attempt);
    if (attempt === undefined || record === undefined) throw noAttempt(action, asked);
    const image = record.image ?? (await imageOfRun({ store, executor }, run, definition.image));
    const key = { ...action.key, attempt };
    const begun = reproductions.begin(key, run.baseUri);
    const { id, prefix, untilMs, token } = begun;
    try {
      const access = await executor.environmentFor({
        key,
        image,
        endpoint: options.endpoint(),
        token,
        ...issueAccessKey(signingKeys, "reproduction", nameOfReproduction(begun)),
      });
      const inputUri = (await storeInputs?.(begun)) ?? action.inputUri;
      const writes = { prefix, attempt };
      const spec = makeAttemptSpec({
        run,
        action: { ...action, inputUri },
        definition,
        image,
        access,
        writes,
      });
      reproductions.onEnd(id, () => {
        interactive
          .release({ id, spec })
          .catch((error: unknown) =>
            log.warn("the container of a reproduction could not be removed", { reproduction: id, error }),
          );
      });
      const container = await interactive.prepare({ id, spec, untilMs }, signal);
      // Nobody else would end it.
      signal.throwIfAborted();
      return { reproduction: begun, container };
    } catch (error) {
      reproductions.end(id);
      throw error;
    }
  };
}

function noContainers(description: string): BoxkiteError {
  return new BoxkiteError("INVALID_ARGUMENT", `tasks of this server run in no container: ${description}`, {
    hint: "they are processes of its machine: run the program of the task there, or a server with boxkite up --engine podman",
  });
}

function noAttempt({ key: { run, action } }: ActionRecord, attempt: number | undefined): BoxkiteError {
  const what = attempt === undefined ? "no attempt yet" : `no attempt ${attempt}`;
  return new BoxkiteError("INVALID_ARGUMENT", `action ${action} of run ${run} has ${what}`, {
    hint: `flyte get action ${run} ${action} shows what it did`,
  });
}
