/** Watches the states of all children of a parent, by one stream. */
import { Code, type Client } from "@connectrpc/connect";
import { connectCodeOf, quoteServerError } from "../client/server-error.ts";
import { isTerminal } from "../domain/phase.ts";
import { createBackoff } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { ActionIdentifier } from "../wire/gen/flyteidl2/common/identifier_pb.js";
import type { ActionsService } from "../wire/gen/flyteidl2/actions/actions_service_pb.js";
import type { ActionUpdate } from "../wire/gen/flyteidl2/workflow/state_service_pb.js";
import { decodePhase } from "../wire/phase.ts";

/** A wait that ended because the watch was closed. */
function ignore(): void {}

/** A phase that this version does not know is not terminal. */
function hasEnded({ phase }: ActionUpdate): boolean {
  const known = decodePhase(phase);
  return known !== undefined && isTerminal(known);
}

/** The number of consecutive failures after which the parent gives up: about twenty minutes, with the waits. */
const MAX_FAILURES = 40;
const BACKOFF = { baseMs: 1000, factor: 2, capMs: 30_000 };
/** For servers that send no end-of-snapshot message: after this time the snapshot is taken to be complete. */
const SNAPSHOT_WAIT_MS = 5000;

type ParentId = Pick<ActionIdentifier, "name"> & { readonly run: NonNullable<ActionIdentifier["run"]> };

export class ChildWatch {
  readonly #client: Client<typeof ActionsService>;
  readonly #parent: ParentId;
  readonly #headers: Record<string, string>;
  readonly #clock: Clock;
  readonly #states = new Map<string, ActionUpdate>();
  readonly #waiters = new Map<string, PromiseWithResolvers<ActionUpdate>>();
  readonly #stop = new AbortController();
  readonly #synced = Promise.withResolvers<void>();
  #started = false;
  #failure: Error | undefined;

  constructor(
    client: Client<typeof ActionsService>,
    parent: ParentId,
    headers: Record<string, string>,
    clock: Clock,
  ) {
    this.#client = client;
    this.#parent = parent;
    this.#headers = headers;
    this.#clock = clock;
  }

  /** Resolves once the states of all existing children have been received. */
  async ready(): Promise<void> {
    if (!this.#started) {
      this.#started = true;
      this.#watch().catch((error: unknown) => this.#fail(error as Error));
      this.#clock
        .sleep(SNAPSHOT_WAIT_MS, { signal: this.#stop.signal, ref: false })
        .then(() => this.#synced.resolve(), ignore);
    }
    await this.#synced.promise;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** The last state received of a child, if any. */
  state(name: string): ActionUpdate | undefined {
    return this.#states.get(name);
  }

  /** Resolves to the child's terminal state. */
  ended(name: string): Promise<ActionUpdate> {
    const known = this.#states.get(name);
    if (known !== undefined && hasEnded(known)) return Promise.resolve(known);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    let waiter = this.#waiters.get(name);
    if (waiter === undefined) {
      waiter = Promise.withResolvers();
      this.#waiters.set(name, waiter);
    }
    return waiter.promise;
  }

  close(): void {
    this.#stop.abort();
  }

  async #watch(): Promise<void> {
    const backoff = createBackoff(BACKOFF, this.#clock);
    for (let failures = 0; !this.#stop.signal.aborted;) {
      try {
        const stream = this.#client.watchForUpdates(
          { filter: { case: "parentActionId", value: this.#parent } },
          { headers: this.#headers, signal: this.#stop.signal },
        );
        for await (const { message } of stream) {
          failures = 0;
          backoff.reset();
          if (message.case === "actionUpdate") this.#take(message.value);
          else if (message.case === "controlMessage" && message.value.sentinel) this.#synced.resolve();
        }
        // Ended without an error: some proxies end every stream after a while.
        backoff.reset();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        const code = connectCodeOf(error);
        failures =
          code === Code.Unimplemented || code === Code.PermissionDenied || code === Code.Unauthenticated
            ? MAX_FAILURES
            : failures + 1;
        if (failures >= MAX_FAILURES)
          throw new Error(`the watch of child actions failed: ${quoteServerError(error)}`, { cause: error });
      }
      await backoff.wait(this.#stop.signal).catch(ignore);
    }
  }

  #take(update: ActionUpdate): void {
    const name = update.actionId?.name;
    if (name === undefined) return;
    this.#states.set(name, update);
    if (!hasEnded(update)) return;
    this.#waiters.get(name)?.resolve(update);
    this.#waiters.delete(name);
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#synced.resolve();
    for (const waiter of this.#waiters.values()) waiter.reject(error);
    this.#waiters.clear();
  }
}
