/** A container that exists, and what is open to watch it. */
import type { LogSink } from "../../domain/attempt.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { ContainerState } from "../../containers/types.ts";
import type { Wakeup } from "../wakeup.ts";
import { EndWatch, type EndWatchContext } from "./end-watch.ts";
import { LogTail } from "./log-tail.ts";

export interface HeldContainerContext extends EndWatchContext {
  readonly api: EngineApi;
  readonly sink: LogSink;
}

export class HeldContainer {
  readonly id: string;
  readonly log: LogTail;
  /** As it was seen when its process was over. */
  last: ContainerState | undefined;
  readonly #watch: EndWatch;
  #isLogFollowed = false;

  /** `watch`: where the container is watched already; it is closed with this. */
  constructor(id: string, context: HeldContainerContext, watch = new EndWatch(id, context)) {
    this.id = id;
    this.#watch = watch;
    this.log = new LogTail(context.api, id, context.sink, context.clock, context.log);
  }

  get wakeup(): Wakeup {
    return this.#watch.wakeup;
  }

  async attach(): Promise<void> {
    await this.#watch.attach();
  }

  followLog(): void {
    if (this.#isLogFollowed) return;
    this.#isLogFollowed = true;
    this.log.follow();
  }

  async close(): Promise<void> {
    this.#watch.close();
    await this.log.stop();
  }
}
