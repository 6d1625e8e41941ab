/**
 * One attempt from its creation to its end:
 *
 *   create → (pull → create) → inherit → attach → start → wait for a hint → inspect → rest of the log → ended
 *
 * How the end is noticed, with Podman 4.3 (milliseconds from the exit of the process, median of 12):
 * end of the attached stream 2, events 126, end of the followed log 271, POST /wait 379; the last three
 * poll. So the attached stream is the hint, and one inspect after it gave the exit code in 13 of 13
 * trials, 10 ms after the exit. Events, which Docker sends at once, are the hint where there is no
 * attached stream, and the safety net.
 *
 * The stream is attached before the start, and never later: Podman prepares an exited container anew when
 * someone attaches to it, which loses its exit code. A container that is taken up is not attached to.
 */
import type { AttemptExit, LogSink } from "../../domain/attempt.ts";
import { BoxkiteError, messageOf } from "../../domain/errors.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { AttemptObserver, AttemptSpec } from "../executor.ts";
import { attemptExit } from "./attempt-exit.ts";
import { createBackoff } from "../../lib/backoff.ts";
import type { ContainerEvents } from "./container-events.ts";
import { containerBody, containerName, refusal, type ContainerSettings } from "./container-spec.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { ContainerState, CreateResult } from "../../containers/types.ts";
import { EngineResponseError } from "../../containers/http.ts";
import { Hint } from "./hint.ts";
import type { ImagePuller } from "./image-puller.ts";
import { additionsFor, certificateArchive, type Additions, type Inherited } from "./inherited.ts";
import { LogTail } from "./log-tail.ts";
import { startFailure } from "./start-failure.ts";

export interface AttemptWatchContext {
  readonly api: EngineApi;
  readonly settings: ContainerSettings;
  /** What the container is given of this machine. */
  readonly inherited: Inherited;
  /** By which name or address it reaches the server. */
  readonly serverHost: string;
  readonly puller: ImagePuller;
  readonly events: ContainerEvents;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long the engine may be away before its attempts are given up. */
  readonly lostAfterMs: number;
}

/** Thrown inside to end the attempt with what is known. */
class Ended extends Error {
  readonly exit: AttemptExit;

  constructor(exit: AttemptExit) {
    super("the attempt ended");
    this.exit = exit;
  }
}

const SIGKILL_CODE = 137;
const OVERLOOKED_FAILURES = 3;
const REMOVAL_LOOKS_MS = [100, 200, 400];
/** Looks after the hint that it ended, until the engine has noticed, too; then the next hint is waited for. */
const LOOK_AGAIN_MS = [5, 10, 20, 40, 80, 160, 320];

export class AttemptWatch {
  /** Resolves when nothing follows any more: it ended, or was detached. */
  readonly done: Promise<void>;
  readonly #context: AttemptWatchContext;
  readonly #spec: AttemptSpec;
  readonly #sink: LogSink;
  readonly #observer: AttemptObserver;
  readonly #name: string;
  readonly #log: Logger;
  readonly #detached = new AbortController();
  readonly #stopped = new AbortController();
  #graceMs = 0;
  #running = false;
  #tail: LogTail | undefined;
  readonly #hint = new Hint();
  /** When the engine went away, if it has been away since this watch began. */
  #awaySinceMs: number | undefined;

  constructor(context: AttemptWatchContext, spec: AttemptSpec, sink: LogSink, observer: AttemptObserver) {
    this.#context = context;
    this.#spec = spec;
    this.#sink = sink;
    this.#observer = observer;
    this.#name = containerName(context.settings.instance, spec.key);
    this.#log = context.log.child({ container: this.#name });
    this.done = this.#run();
  }

  /** Resolves when the engine was told; the end is told to the observer. */
  async stop(graceMs: number): Promise<void> {
    this.#graceMs = graceMs;
    this.#stopped.abort();
    if (this.#running) await this.#stopContainer();
  }

  /** Tells the observer nothing more; the container goes on. */
  async detach(): Promise<void> {
    this.#detached.abort();
    this.#hint.give("look");
    await this.done;
  }

  async #run(): Promise<void> {
    const exit = await this.#live().catch((error: unknown) => this.#exitOf(error));
    await this.#tail?.stop();
    if (exit === undefined || this.#detached.signal.aborted) return;
    this.#observer.ended(exit);
  }

  #exitOf(error: unknown): AttemptExit | undefined {
    if (this.#detached.signal.aborted) return undefined;
    if (error instanceof Ended) return error.exit;
    this.#log.error("attempt could not be watched", { error });
    const code = error instanceof BoxkiteError ? error.code : "EXECUTOR_FAILED";
    return { reason: "lost", outOfMemory: false, code, message: messageOf(error) };
  }

  async #live(): Promise<AttemptExit> {
    const state = await this.#find();
    const { id } = state;
    const tail = new LogTail(this.#context.api, id, this.#sink, this.#log);
    this.#tail = tail;
    const unsubscribe = this.#context.events.subscribe(id, (kind) => this.#hint.give(kind));
    try {
      if (isNew(state)) await this.#start(id);
      else this.#takeUp(state);
      const last = state.running || isNew(state) ? await this.#waitForEnd(id, tail) : state;
      await this.#finishLog(tail);
      const exit = attemptExit(last, {
        spec: this.#spec,
        api: this.#context.api,
        info: this.#context.settings.info,
        tail: tail.writer,
        stopRequested: this.#stopped.signal.aborted,
        awaySinceMs: this.#awaySinceMs,
      });
      const killed = exit.exitCode === SIGKILL_CODE && !exit.outOfMemory && !this.#stopped.signal.aborted;
      return killed && (await this.#isBeingRemoved(id)) ? this.#removed() : exit;
    } finally {
      unsubscribe();
    }
  }

  /** The container of this attempt, made if it is not there yet. */
  async #find(): Promise<ContainerState> {
    const { settings, puller } = this.#context;
    const refused = refusal(this.#spec, settings.engine);
    if (refused !== undefined) throw new Ended(refused);
    for (let pulled = false; ; pulled = true) {
      this.#checkStopped();
      const created = await this.#create();
      if (created.kind === "created") return newContainer(created.id);
      if (created.kind === "exists") {
        const state = await this.#inspect(this.#name);
        if (state !== undefined) return state;
        continue; // Removed in between: it can be created now.
      }
      if (pulled)
        throw new Ended(this.#pullFailure(new Error("it vanished right after it was pulled"), "lost"));
      await this.#pull(puller);
    }
  }

  async #create(): Promise<CreateResult> {
    const { api, settings } = this.#context;
    try {
      const create = async () => {
        const additions = await this.#additions();
        const env = { ...this.#spec.env, ...additions?.env };
        return await api.createContainer(this.#name, containerBody({ ...this.#spec, env }, settings));
      };
      return await this.#whileAway(create, { stoppable: true, failures: OVERLOOKED_FAILURES });
    } catch (error) {
      // What the engine finds wrong with the request, it will find wrong again.
      const isRefusal = error instanceof EngineResponseError && error.status < 500;
      if (!isRefusal) throw error;
      throw new Ended(
        startFailure(error, {
          spec: this.#spec,
          engine: settings.engine,
          notedExitCode: 0,
          foreignPlatform: undefined,
        }),
      );
    }
  }

  /** An image that is not there has no variables; the container is not made without it anyway. */
  async #additions(): Promise<Additions | undefined> {
    const { api, inherited, serverHost } = this.#context;
    if (Object.keys(inherited).length === 0) return undefined;
    const image = await api.inspectImage(this.#spec.image.pinned);
    return additionsFor(inherited, { image: image?.env ?? {}, task: this.#spec.env, serverHost });
  }

  /** Also for a container that was made before the server ended: what was told then may not have been kept. */
  async #inherit(id: string): Promise<void> {
    const { api, inherited, clock } = this.#context;
    const additions = await this.#whileAway(() => this.#additions());
    if (additions === undefined) return;
    if (inherited.certificates !== undefined) {
      const archive = await certificateArchive(inherited.certificates);
      await this.#whileAway(() => api.putArchive(id, archive), { failures: OVERLOOKED_FAILURES });
    }
    if (this.#detached.signal.aborted) return;
    this.#observer.progress(additions.note);
    this.#sink.write("system", additions.note, clock.now());
  }

  async #pull(puller: ImagePuller): Promise<void> {
    try {
      await untilAborted(
        puller.pull(this.#spec.image, (message) => {
          if (!this.#detached.signal.aborted && !this.#stopped.signal.aborted)
            this.#observer.progress(message);
        }),
        AbortSignal.any([this.#detached.signal, this.#stopped.signal]),
      );
    } catch (error) {
      this.#checkStopped();
      if (this.#detached.signal.aborted) throw error;
      const final = error instanceof BoxkiteError && error.kind === "user";
      throw new Ended(this.#pullFailure(error, final ? "start_failed" : "lost"));
    }
  }

  #pullFailure(error: unknown, reason: "start_failed" | "lost"): AttemptExit {
    const hint = error instanceof BoxkiteError ? error.hint : undefined;
    return {
      reason,
      outOfMemory: false,
      // The name under which the SDK knows this failure.
      code: "ImagePullBackOff",
      message: `image ${this.#spec.image.reference} could not be pulled: ${messageOf(error)}`,
      ...(hint !== undefined && { hint }),
    };
  }

  async #start(id: string): Promise<void> {
    const { api, clock } = this.#context;
    this.#checkStopped();
    await this.#inherit(id);
    await this.#attach(id);
    if (this.#stopped.signal.aborted) {
      await api.removeContainer(id);
      this.#checkStopped();
    }
    try {
      await this.#whileAway(() => api.startContainer(id));
    } catch (error) {
      if (error instanceof EngineResponseError) throw new Ended(await this.#startFailure(id, error));
      throw error;
    }
    this.#running = true;
    if (!this.#detached.signal.aborted) this.#observer.started(clock.now());
    if (this.#stopped.signal.aborted) this.#stopInBackground();
  }

  /** Only a hint is lost where this fails; why a container cannot run is told by the start itself. */
  async #attach(id: string): Promise<void> {
    try {
      const stream = await this.#context.api.attachContainer(id);
      const end = () => {
        stream.destroy();
        this.#hint.give("ended");
      };
      stream.on("end", end).on("error", end).on("close", end);
      this.#detached.signal.addEventListener("abort", () => stream.destroy(), { once: true });
      stream.resume();
    } catch (error) {
      this.#log.debug("could not attach", { error });
    }
  }

  #takeUp(state: ContainerState): void {
    this.#log.debug("taken up", { status: state.status });
    this.#running = state.running;
    if (state.startedAt !== undefined) this.#observer.started(state.startedAt);
    if (state.running && this.#stopped.signal.aborted) this.#stopInBackground();
  }

  async #waitForEnd(id: string, tail: LogTail): Promise<ContainerState> {
    tail.follow();
    let looks = LOOK_AGAIN_MS.length;
    for (;;) {
      const hint = await this.#hint.next(LOOK_AGAIN_MS[looks]);
      if (this.#detached.signal.aborted) throw new Error("detached");
      looks = hint === "ended" ? 0 : looks + 1;
      const state = await this.#inspect(id);
      if (state === undefined) throw new Ended(await this.#vanished(tail));
      if (!state.running && state.status !== "initialized") return state;
    }
  }

  /** What its log still held is gone with the container. */
  async #vanished(tail: LogTail): Promise<AttemptExit> {
    await tail.stop();
    tail.writer.end();
    return this.#removed();
  }

  #removed(): AttemptExit {
    const message = `the container ${this.#name} was removed by someone else while it ran`;
    return { reason: "lost", outOfMemory: false, code: "CONTAINER_REMOVED", message };
  }

  /** `podman rm --force` kills first and removes then: what looks like a kill may be the half of that. */
  async #isBeingRemoved(id: string): Promise<boolean> {
    for (const waitMs of REMOVAL_LOOKS_MS) {
      await this.#hint.next(waitMs);
      if (this.#detached.signal.aborted || (await this.#inspect(id)) === undefined) return true;
    }
    return false;
  }

  /** A log that cannot be read does not change how the attempt ended; its reader is told. */
  async #finishLog(tail: LogTail): Promise<void> {
    try {
      await this.#whileAway(() => tail.finish(this.#detached.signal));
    } catch (error) {
      if (this.#detached.signal.aborted) throw error;
      this.#log.warn("the end of a log could not be read", { error });
      this.#sink.write(
        "system",
        `the end of the log could not be read: ${messageOf(error)}`,
        this.#context.clock.now(),
      );
    }
  }

  async #startFailure(id: string, error: EngineResponseError): Promise<AttemptExit> {
    const state = await this.#inspect(id);
    const image = await this.#context.api.inspectImage(this.#spec.image.pinned).catch(() => undefined);
    const { info } = this.#context.settings;
    const foreign =
      image !== undefined && image.architecture !== "" && image.architecture !== info.architecture;
    return startFailure(error, {
      spec: this.#spec,
      engine: this.#context.settings.engine,
      notedExitCode: state?.exitCode ?? 0,
      foreignPlatform: foreign ? `${image.os}/${image.architecture}` : undefined,
    });
  }

  #checkStopped(): void {
    if (!this.#stopped.signal.aborted) return;
    throw new Ended({
      reason: "lost",
      outOfMemory: false,
      code: "STOPPED_BEFORE_START",
      message: "it was stopped before it was started",
    });
  }

  #stopInBackground(): void {
    this.#stopContainer().catch((error: unknown) =>
      this.#log.warn("a container could not be stopped", { error }),
    );
  }

  async #stopContainer(): Promise<void> {
    await stopContainer(this.#context.api, this.#name, this.#graceMs);
    this.#hint.give("ended");
  }

  #inspect(id: string): Promise<ContainerState | undefined> {
    return this.#whileAway(() => this.#context.api.inspectContainer(id), { failures: OVERLOOKED_FAILURES });
  }

  /** Repeats a call, which must be repeatable, until the engine answers or has been away for too long. */
  async #whileAway<T>(call: () => Promise<T>, options: RepeatOptions = {}): Promise<T> {
    const backoff = createBackoff({ baseMs: 100, factor: 2, capMs: 5_000 }, systemClock);
    const signal = options.stoppable
      ? AbortSignal.any([this.#detached.signal, this.#stopped.signal])
      : this.#detached.signal;
    const sinceMs = this.#context.clock.now();
    let failuresLeft = options.failures ?? 0;
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (signal.aborted) throw error;
        if (isFailure(error) && failuresLeft > 0) failuresLeft--;
        else if (isAway(error)) this.#stillAway(error, sinceMs);
        else throw error;
        this.#log.debug("asking the engine again", { error });
        await backoff.wait(signal).catch(() => {});
        if (options.stoppable) this.#checkStopped();
      }
    }
  }

  #stillAway(error: BoxkiteError, sinceMs: number): void {
    const { clock, lostAfterMs } = this.#context;
    this.#awaySinceMs ??= sinceMs;
    if (clock.now() - sinceMs <= lostAfterMs) {
      this.#observer.progress(`waiting for the container engine: ${error.message}`);
      return;
    }
    const message = `the container engine has not answered for ${Math.round(lostAfterMs / 1000)} s: ${error.message}`;
    const exit: AttemptExit = { reason: "lost", outOfMemory: false, code: error.code, message };
    throw new Ended({ ...exit, ...(error.hint !== undefined && { hint: error.hint }) });
  }
}

interface RepeatOptions {
  /** Whether a stop of the attempt ends the waiting. */
  readonly stoppable?: boolean;
  /** Answers of status 500 and above to overlook: Podman gives some for what it is just changing. */
  readonly failures?: number;
}

function isAway(error: unknown): error is BoxkiteError {
  return error instanceof BoxkiteError && error.code === "ENGINE_UNREACHABLE";
}

function isFailure(error: unknown): boolean {
  return error instanceof EngineResponseError && error.status >= 500;
}

/** SIGTERM (or the image's own STOPSIGNAL), then SIGKILL. The engines count the time in whole seconds. */
export async function stopContainer(api: EngineApi, name: string, graceMs: number): Promise<void> {
  if (graceMs <= 0) await api.killContainer(name, "SIGKILL");
  else await api.stopContainer(name, Math.ceil(graceMs / 1000));
}

/** Created, but never started: only then may it be started. */
function isNew(state: ContainerState): boolean {
  return (state.status === "created" || state.status === "initialized") && state.startedAt === undefined;
}

function newContainer(id: string): ContainerState {
  return {
    id,
    status: "created",
    running: false,
    exitCode: 0,
    oomKilled: false,
    error: "",
    startedAt: undefined,
    endedAt: undefined,
    image: "",
    labels: {},
  };
}

/** The work goes on for others; this waiter leaves. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason as Error);
    signal.addEventListener("abort", leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}
