/** A container that exists, and what is open to watch it. */
import type { LogSink } from "../../domain/attempt.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { ContainerState } from "../../containers/types.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { ContainerEvents } from "./container-events.ts";
import { Wakeup } from "../wakeup.ts";
import { LogTail } from "./log-tail.ts";

export interface HeldContainerContext {
  readonly api: EngineApi;
  readonly events: ContainerEvents;
  readonly sink: LogSink;
  readonly clock: Clock;
  readonly log: Logger;
}

export class HeldContainer {
  readonly id: string;
  readonly log: LogTail;
  /** Notified by the attached stream and by the engine's events. */
  readonly wakeup: Wakeup;
  /** As it was seen when its process was over. */
  last: ContainerState | undefined;
  readonly #context: HeldContainerContext;
  readonly #unsubscribe: () => void;
  readonly #closed = new AbortController();
  #isLogFollowed = false;

  constructor(id: string, context: HeldContainerContext) {
    this.id = id;
    this.#context = context;
    this.wakeup = new Wakeup(context.clock);
    this.log = new LogTail(context.api, id, context.sink, context.clock, context.log);
    this.#unsubscribe = context.events.subscribe(id, (kind) => this.wakeup.notify(kind));
  }

  /** Only a wake-up is lost where this fails; why a container cannot run, its start reports. */
  async attach(): Promise<void> {
    try {
      const stream = await this.#context.api.attachContainer(this.id);
      const end = () => {
        stream.destroy();
        this.wakeup.notify("ended");
      };
      stream.on("end", end).on("error", end).on("close", end);
      this.#closed.signal.addEventListener("abort", () => stream.destroy(), { once: true });
      stream.resume();
    } catch (error) {
      this.#context.log.debug("could not attach", { error });
    }
  }

  followLog(): void {
    if (this.#isLogFollowed) return;
    this.#isLogFollowed = true;
    this.log.follow();
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    this.#closed.abort();
    await this.log.stop();
  }
}
