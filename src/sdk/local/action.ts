/** The state of an action of a local run. It changes by the rules of a server: the same `transition`. */
import { create } from "@bufbuild/protobuf";
import { encodeAttemptPolicy } from "../authoring/encode-options.ts";
import type { ExecutionOptions } from "../authoring/options.ts";
import type { ActionState, AttemptPolicy } from "../../domain/action.ts";
import { newTaskState } from "../../domain/initial-state.ts";
import { isTerminal } from "../../domain/phase.ts";
import { nextLimit, transition, type ActionEvent } from "../../domain/transition.ts";
import type { Clock } from "../../lib/clock.ts";
import { within } from "../../lib/wait.ts";
import { TaskMetadataSchema } from "../../wire/gen/flyteidl2/core/tasks_pb.js";
import { decodeAttemptPolicy } from "../../wire/task-spec.ts";

export class LocalAction {
  readonly #policy: AttemptPolicy;
  readonly #clock: Clock;
  #state: ActionState;

  constructor(options: ExecutionOptions, clock: Clock) {
    this.#policy = policyOf(options);
    this.#clock = clock;
    this.#state = newTaskState(clock.now());
  }

  get state(): ActionState {
    return this.#state;
  }

  apply(event: ActionEvent): void {
    const next = transition(this.#state, this.#policy, event, this.#clock.now());
    if (next !== undefined) this.#state = next.state;
  }

  /**
   * Waits until the next attempt may start, and starts it. False if the action has ended, or ends meanwhile by a
   * time limit. Rejects with the signal's reason when that aborts.
   */
  async start(signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    if (isTerminal(this.#state.phase)) return false;
    const { notBefore } = this.#state;
    const limit = nextLimit(this.#state, this.#policy);
    const until = Math.min(notBefore, limit?.at ?? notBefore);
    // More than once, because timers may fire a millisecond early.
    while (this.#clock.now() < until) await this.#clock.sleep(until - this.#clock.now(), { signal });
    if (limit !== undefined && limit.at <= this.#clock.now()) {
      this.apply({ type: "timerFired", timer: limit.name });
      return false;
    }
    this.apply({ type: "admitted" });
    this.apply({ type: "started", attempt: this.#state.attempt, at: this.#clock.now() });
    return true;
  }

  /** The result of the present attempt; undefined if a time limit passes first, which then ends the attempt. */
  async inTime<T extends object>(work: Promise<T>): Promise<T | undefined> {
    const limit = nextLimit(this.#state, this.#policy);
    if (limit === undefined) return work;
    do {
      const result = await within(work, limit.at - this.#clock.now(), this.#clock);
      if (result !== undefined) return result;
    } while (this.#clock.now() < limit.at);
    this.apply({ type: "timerFired", timer: limit.name });
    return undefined;
  }
}

/** As the server decodes it. There is no queue here, so nothing waits in one for too long. */
function policyOf(options: ExecutionOptions): AttemptPolicy {
  const metadata = create(TaskMetadataSchema, encodeAttemptPolicy(options));
  const { queuedTimeoutMs: _, ...policy } = decodeAttemptPolicy(metadata, "the task");
  return policy;
}
