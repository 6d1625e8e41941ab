/** Notices that a container has ended, by its attached stream and by the engine's events. */
import type { EngineApi } from "../../containers/api.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { Wakeup } from "../wakeup.ts";
import type { ContainerEvents } from "./container-events.ts";

export interface EndWatchContext {
  readonly api: Pick<EngineApi, "attachContainer">;
  readonly events: ContainerEvents;
  readonly clock: Clock;
  readonly log: Logger;
}

export class EndWatch {
  readonly wakeup: Wakeup;
  readonly #id: string;
  readonly #context: EndWatchContext;
  readonly #unsubscribe: () => void;
  readonly #closed = new AbortController();

  constructor(id: string, context: EndWatchContext) {
    this.#id = id;
    this.#context = context;
    this.wakeup = new Wakeup(context.clock);
    this.#unsubscribe = context.events.subscribe(id, (kind) => this.wakeup.notify(kind));
  }

  /** Only a wake-up is lost where this fails; why a container cannot run, its start reports. */
  async attach(): Promise<void> {
    try {
      const stream = await this.#context.api.attachContainer(this.#id);
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

  close(): void {
    this.#unsubscribe();
    this.#closed.abort();
  }
}
