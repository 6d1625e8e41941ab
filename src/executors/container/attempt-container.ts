/**
 * The container that an attempt has, its own or its worker's: how its end is noticed, and what that means.
 *
 * With Podman 4.3 (milliseconds from the exit of the process, median of 12): end of the attached stream 2, events 126, end
 * of the followed log 271, POST /wait 379; the last three poll. So the attached stream is the wake-up, and one inspect after
 * it gave the exit code in 13 of 13 trials, 10 ms after the exit. Events, which Docker sends at once, are the wake-up where
 * there is no attached stream, and the safety net.
 *
 * The stream is attached before the start, and never later: Podman prepares an exited container anew when
 * someone attaches to it, which loses its exit code. A container that is taken up is not attached to.
 */
import type { EngineApi } from "../../containers/api.ts";
import type { ContainerState } from "../../containers/types.ts";
import { messageOf } from "../../domain/errors.ts";
import { orAborted } from "../../lib/wait.ts";
import type { After, Ended, Ending, Running } from "../attempt-chart.ts";
import { AttemptEnded } from "../attempt-machine.ts";
import type { AttemptContext } from "./attempt-context.ts";
import { attemptExit, removed } from "./attempt-exit.ts";
import type { EndWatch } from "./end-watch.ts";
import { HeldContainer } from "./held-container.ts";
import { SIGKILL_CODE } from "./limit-facts.ts";

const REMOVAL_CHECKS_MS = [100, 200, 400];
/** Pauses between inspections after a wake-up, until the engine reports the end, too; then the next wake-up is awaited. */
const INSPECT_AGAIN_MS = [5, 10, 20, 40, 80, 160, 320];

export class AttemptContainer {
  readonly name: string;
  /** Of a worker's container: since when it is the attempt's. */
  inWorkerSinceMs: number | undefined;
  readonly #attempt: AttemptContext;
  #held: HeldContainer | undefined;

  constructor(attempt: AttemptContext, name: string) {
    this.#attempt = attempt;
    this.name = name;
  }

  /** By its name, unless an id is known. */
  inspect(signal: AbortSignal, id = this.name): Promise<ContainerState | undefined> {
    const { api, retry } = this.#attempt;
    return retry.run(() => api.inspectContainer(id), signal, "tolerate");
  }

  /** `watch`: where the container is watched already. */
  hold(id: string, watch?: EndWatch): HeldContainer {
    this.#held = new HeldContainer(id, this.#attempt, watch);
    return this.#held;
  }

  /** What an earlier server has started in it. */
  takeUp(state: ContainerState, startedAt = state.startedAt): Running<HeldContainer> | Ending<HeldContainer> {
    this.#attempt.log.debug("taken up", { status: state.status });
    const handle = this.hold(state.id);
    if (state.running) return { name: "running", handle, startedAt };
    handle.last = state;
    return { name: "ending", handle, startedAt };
  }

  async watch(handle: HeldContainer, signal: AbortSignal): Promise<After<HeldContainer, "running">> {
    handle.followLog();
    for (let inspections = INSPECT_AGAIN_MS.length; ; inspections++) {
      if ((await handle.wakeup.next(signal, INSPECT_AGAIN_MS[inspections])) === "ended") inspections = -1;
      // An engine that hangs keeps neither a stop nor a detach from being carried out.
      const state = await orAborted(this.inspect(signal, handle.id), signal);
      if (state === undefined) {
        await handle.log.giveUp();
        throw new AttemptEnded(removed(this.name));
      }
      if (state.running || state.status === "initialized") continue;
      handle.last = state;
      return { name: "ending", handle, startedAt: state.startedAt };
    }
  }

  /** SIGTERM (or the image's own STOPSIGNAL), then SIGKILL. The engines count the time in whole seconds. */
  async stop(handle: HeldContainer, graceMs: number): Promise<void> {
    await stopContainer(this.#attempt.api, this.name, graceMs);
    handle.wakeup.notify("ended");
  }

  async conclude(handle: HeldContainer, stopped: boolean, signal: AbortSignal): Promise<Ended> {
    const { api, settings, image, retry } = this.#attempt;
    const { last } = handle;
    if (last === undefined) throw new Error(`container ${this.name} was not seen ended`);
    await this.#finishLog(handle, signal);
    const exit = attemptExit(last, {
      spec: image.spec,
      inWorkerSinceMs: this.inWorkerSinceMs,
      api,
      info: settings.info,
      policy: settings.policy,
      tail: handle.log.writer,
      stopRequested: stopped,
      outage: retry.outage,
    });
    const isKilled = exit.exitCode === SIGKILL_CODE && !exit.outOfMemory && !stopped;
    const isRemoved = isKilled && (await this.#isBeingRemoved(handle, signal));
    return { name: "ended", exit: isRemoved ? removed(this.name) : exit };
  }

  /** `podman rm --force` kills first and removes then: what seems to be a kill may be the first half of that. */
  async #isBeingRemoved(handle: HeldContainer, signal: AbortSignal): Promise<boolean> {
    for (const waitMs of REMOVAL_CHECKS_MS) {
      await handle.wakeup.next(signal, waitMs);
      if ((await orAborted(this.inspect(signal, handle.id), signal)) === undefined) return true;
    }
    return false;
  }

  /** A log that cannot be read does not change how the attempt ended; the log says so. */
  async #finishLog(handle: HeldContainer, signal: AbortSignal): Promise<void> {
    const { retry, log, sink, clock } = this.#attempt;
    try {
      await retry.run(() => handle.log.finish(signal), signal, "throw");
    } catch (error) {
      if (signal.aborted) throw error;
      log.warn("the end of a log could not be read", { error });
      await handle.log.giveUp();
      sink.write("system", `the end of the log could not be read: ${messageOf(error)}`, clock.now());
    }
  }

  async close(): Promise<void> {
    await this.#held?.close();
  }
}

export async function stopContainer(api: EngineApi, name: string, graceMs: number): Promise<void> {
  if (graceMs <= 0) await api.killContainer(name, "SIGKILL");
  else await api.stopContainer(name, Math.ceil(graceMs / 1000));
}
