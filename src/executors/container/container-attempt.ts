/**
 * What an attempt's states are with a container:
 *
 *   find: adapt to the image, create, or inspect what is there · pull · prepare: inherit, attach · launch: start ·
 *   watch: wait for a wake-up, inspect · conclude: the rest of the log, the exit
 *
 * How the end is noticed, with Podman 4.3 (milliseconds from the exit of the process, median of 12):
 * end of the attached stream 2, events 126, end of the followed log 271, POST /wait 379; the last three
 * poll. So the attached stream is the wake-up, and one inspect after it gave the exit code in 13 of 13
 * trials, 10 ms after the exit. Events, which Docker sends at once, are the wake-up where there is no
 * attached stream, and the safety net.
 *
 * The stream is attached before the start, and never later: Podman prepares an exited container anew when
 * someone attaches to it, which loses its exit code. A container that is taken up is not attached to.
 */
import type { AttemptExit, LogSink } from "../../domain/attempt.ts";
import { BoxkiteError, messageOf } from "../../domain/errors.ts";
import { createBackoff } from "../../lib/backoff.ts";
import type { EngineApi } from "../../containers/api.ts";
import { EngineResponseError } from "../../containers/http.ts";
import type { ContainerState } from "../../containers/types.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { orAborted } from "../../lib/wait.ts";
import type { After, Ended } from "../attempt-chart.ts";
import { AttemptEnded, type AttemptWork } from "../attempt-machine.ts";
import type { AttemptObserver, AttemptSpec } from "../executor.ts";
import type { AdaptedAttempt, StartAdapter } from "../start-adapter.ts";
import { adaptFailure } from "./adapt-failure.ts";
import { attemptExit, nameInUse, removed } from "./attempt-exit.ts";
import {
  createContainer,
  putCertificates,
  putSecretFiles,
  reportConfinement,
  reportInherited,
  type CreateContext,
} from "./create-container.ts";
import type { ContainerEvents } from "./container-events.ts";
import type { ContainerSettings } from "./container-spec.ts";
import type { EndWatch } from "./end-watch.ts";
import { EngineRetry } from "./engine-retry.ts";
import { HeldContainer } from "./held-container.ts";
import type { ImagePuller } from "./image-puller.ts";
import type { Inherited } from "./inherited.ts";
import type { ContainerMakers } from "./oci-runtime.ts";
import { SIGKILL_CODE } from "./limit-facts.ts";
import { reportEgress } from "./join-network.ts";
import { withGateway } from "./network-fields.ts";
import { attemptMember } from "./network-member.ts";
import { findInWorker, takeWorker, type OneShot, type OneShotContext } from "./one-shot.ts";
import { pullFailure } from "./pull-failure.ts";
import { putArchives } from "./put-archives.ts";
import { refusal, type RefusalContext } from "./refusal.ts";
import type { RunNetworks } from "./run-networks.ts";
import { startFailure } from "./start-failure.ts";
import type { WarmStarts } from "./warm-starts.ts";
import { whyCold } from "./why-cold.ts";

export interface ContainerAttemptContext extends ContainerMakers {
  readonly settings: ContainerSettings;
  /** What of this machine's settings the container gets. */
  readonly inherited: Inherited;
  /** By which name or address it reaches the server. */
  readonly serverHost: string;
  /** Undefined: every image is started as it is. */
  readonly adapter: StartAdapter | undefined;
  /** Undefined: the engine keeps containers apart by itself, or they share its network. */
  readonly networks: RunNetworks | undefined;
  readonly puller: ImagePuller;
  readonly events: ContainerEvents;
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined: each attempt has a container that is made for it. */
  readonly warm: WarmStarts | undefined;
  /** How long the engine may be unreachable before its attempts count as lost. */
  readonly lostAfterMs: number;
}

/** What an attempt may ask of this engine. */
export function refusalContext(context: Omit<ContainerAttemptContext, "warm">): RefusalContext {
  const { settings, inherited, api, podmanRuntimes, networks } = context;
  return {
    ...settings,
    inherited,
    choosesRuntime: api.engine === "docker" || podmanRuntimes !== undefined,
    closesNetworks: networks?.isDirect === true,
  };
}

/** The pauses, and how often a container is created whose name is in use although no container has it. */
const CREATE_AGAIN = { baseMs: 50, factor: 2 };
const MOST_CREATIONS = 5;
const REMOVAL_CHECKS_MS = [100, 200, 400];
/** Pauses between inspections after a wake-up, until the engine reports the end, too; then the next wake-up is awaited. */
const INSPECT_AGAIN_MS = [5, 10, 20, 40, 80, 160, 320];

export class ContainerAttempt implements AttemptWork<HeldContainer> {
  readonly #context: ContainerAttemptContext;
  /** What is started: adapted to its image once that was read. */
  #spec: AttemptSpec;
  readonly #sink: LogSink;
  readonly #observer: AttemptObserver;
  readonly #name: string;
  /** The name of its container: the attempt's own, or that of its worker. */
  #container: string;
  readonly #log: Logger;
  readonly #retry: EngineRetry;
  #creation: CreateContext;
  #adapted: AdaptedAttempt | undefined;
  readonly #warm: OneShotContext | undefined;
  /** Its worker, where this server gave it one. */
  #worker: OneShot | undefined;
  /** In a worker. */
  #startedAt: number | undefined;
  #hasBegun = false;
  /** The worker that had it failed. */
  #isCold = false;
  #hasNotes = false;
  #pulled = false;
  #held: HeldContainer | undefined;

  constructor(context: ContainerAttemptContext, spec: AttemptSpec, sink: LogSink, observer: AttemptObserver) {
    this.#context = context;
    this.#spec = spec;
    this.#sink = sink;
    this.#observer = observer;
    const member = attemptMember(context.settings.instance, spec.key);
    this.#name = member.name;
    this.#container = member.name;
    this.#log = context.log.child({ container: this.#name });
    this.#retry = new EngineRetry({
      ...context,
      log: this.#log,
      onUnreachable: (message) => observer.progress(message),
    });
    const { warm, clock } = context;
    const { policy } = context.settings;
    this.#warm = warm && { warm, policy, name: this.#name, retry: this.#retry, clock, log: this.#log };
    this.#creation = { ...context, spec, sink, observer, name: this.#name, member, retry: this.#retry };
  }

  async find(signal: AbortSignal): Promise<After<HeldContainer, "finding">> {
    const { settings } = this.#context;
    const refused = refusal(this.#spec, refusalContext(this.#context));
    if (refused !== undefined) throw new AttemptEnded(refused);
    this.#begin();
    const inWorker = await this.#findInWorker(signal);
    if (inWorker !== undefined) return inWorker;
    if (this.#context.adapter !== undefined) {
      // What an earlier server started goes on, whatever can be found out of its image now.
      const state = await this.#inspect(this.#name, signal);
      if (state !== undefined && !isNew(state)) return this.#takeUp(state);
      if (!(await this.#adapt(signal))) return this.#imageMissing();
      // It was created as another plan said, and has nothing in it yet.
      if (state !== undefined)
        await this.#retry.run(() => this.#context.api.removeContainer(state.id), signal, "tolerate");
      const handle = await this.#takeWorker(signal);
      if (handle !== undefined) return { name: "created", handle };
    }
    await orAborted(this.#context.warm?.pools.giveWay() ?? Promise.resolve(), signal);
    // Before there is a container, so that it is known of each that there is.
    if (this.#adapted !== undefined) {
      const cold = whyCold(this.#adapted, this.#context.warm, settings.policy);
      this.#observer.prepared({ ...this.#adapted.start, ...(cold !== undefined && { cold }) });
    }
    const backoff = createBackoff(CREATE_AGAIN, this.#context.clock);
    for (let tries = 1; ; tries++) {
      const created = await createContainer(this.#creation, signal);
      if (created.kind === "created") return { name: "created", handle: this.#hold(created.id) };
      if (created.kind === "image_missing") return this.#imageMissing();
      const state = await this.#inspect(this.#name, signal);
      if (state !== undefined) return this.#takeUp(state);
      // Removed in between: it can be created now, unless something else has the name.
      if (tries === MOST_CREATIONS) throw new AttemptEnded(nameInUse(this.#name, settings.engine));
      await backoff.wait(signal);
    }
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#context.warm?.pools.begin(this.#spec);
  }

  #imageMissing(): After<HeldContainer, "finding"> {
    if (!this.#pulled) return { name: "pulling" };
    const vanished = new Error("it vanished right after it was pulled");
    throw new AttemptEnded(pullFailure(this.#spec, vanished, "lost"));
  }

  /** False where the image has to be pulled first. */
  async #adapt(signal: AbortSignal): Promise<boolean> {
    const { adapter } = this.#context;
    if (adapter === undefined || this.#adapted !== undefined) return true;
    const options = { signal, onProgress: (message: string) => this.#progress(message, signal) };
    const adapt = () => orAborted(adapter.adapt(this.#spec, options), signal);
    const adapted = await this.#retry.run(adapt, signal, "tolerate").catch((error: unknown) => {
      if (signal.aborted || !(error instanceof BoxkiteError)) throw error;
      // What is known of it was read before it was removed from the engine.
      if (error.code === "IMAGE_NOT_FOUND" && !this.#pulled) return undefined;
      throw new AttemptEnded(adaptFailure(error));
    });
    if (adapted === undefined) return false;
    this.#spec = adapted.spec;
    this.#adapted = adapted;
    this.#creation = { ...this.#creation, spec: adapted.spec };
    return true;
  }

  async #findInWorker(signal: AbortSignal): Promise<After<HeldContainer, "finding"> | undefined> {
    const found = this.#warm && (await findInWorker(this.#warm, signal));
    if (found === undefined) return undefined;
    this.#container = found.container;
    this.#startedAt = found.startedAt;
    return this.#takeUp(found.state, found.startedAt);
  }

  /** Undefined: it gets a container of its own. */
  async #takeWorker(signal: AbortSignal): Promise<HeldContainer | undefined> {
    if (this.#warm === undefined || this.#adapted === undefined || this.#isCold) return undefined;
    const onWaiting = (reason: string) => this.#progress(reason, signal);
    const worker = await takeWorker(this.#warm, this.#adapted, { signal, onWaiting });
    if (worker === undefined) return undefined;
    this.#worker = worker;
    this.#container = worker.warm.worker;
    this.#observer.prepared({ ...this.#adapted.start, warm: worker.warm });
    return this.#hold(worker.id, worker.watch);
  }

  #takeUp(state: ContainerState, startedAt = state.startedAt): After<HeldContainer, "finding"> {
    this.#log.debug("taken up", { status: state.status });
    const handle = this.#hold(state.id);
    if (isNew(state)) return { name: "created", handle };
    if (state.running) return { name: "running", handle, startedAt };
    handle.last = state;
    return { name: "ending", handle, startedAt };
  }

  #hold(id: string, watch?: EndWatch): HeldContainer {
    const { api, events, clock } = this.#context;
    this.#held = new HeldContainer(id, { api, events, clock, sink: this.#sink, log: this.#log }, watch);
    return this.#held;
  }

  async pull(signal: AbortSignal): Promise<After<HeldContainer, "pulling">> {
    const report = (message: string) => this.#progress(message, signal);
    try {
      // The pull goes on for other attempts.
      await orAborted(
        this.#context.puller.pull(this.#spec.image, this.#spec.isTrusted ?? false, report),
        signal,
      );
    } catch (error) {
      if (signal.aborted) throw error;
      throw new AttemptEnded(pullFailure(this.#spec, error));
    }
    this.#pulled = true;
    return { name: "finding" };
  }

  #progress(message: string, signal: AbortSignal): void {
    if (!signal.aborted) this.#observer.progress(message);
  }

  async prepare(handle: HeldContainer, signal: AbortSignal): Promise<After<HeldContainer, "created">> {
    if (this.#worker !== undefined) return await this.#prepareWorker(this.#worker, handle, signal);
    await putCertificates(this.#creation, handle.id, signal);
    await this.#reportNotes(this.#creation, signal);
    await putSecretFiles(this.#creation, handle.id, signal);
    await putArchives(this.#creation, handle.id, signal);
    signal.throwIfAborted();
    await handle.attach();
    return { name: "starting", handle };
  }

  async #reportNotes(creation: CreateContext, signal: AbortSignal): Promise<void> {
    if (this.#hasNotes) return;
    this.#hasNotes = true;
    reportConfinement(creation);
    reportEgress(creation);
    await reportInherited(creation, signal);
  }

  async #prepareWorker(
    { member }: OneShot,
    handle: HeldContainer,
    signal: AbortSignal,
  ): Promise<After<HeldContainer, "created">> {
    const creation = { ...this.#creation, name: member.name, member };
    await this.#reportNotes(creation, signal);
    try {
      await putSecretFiles(creation, handle.id, signal);
      await putArchives(creation, handle.id, signal);
    } catch (error) {
      if (signal.aborted || error instanceof AttemptEnded) throw error;
      this.#log.warn("an attempt starts cold, since its files could not be brought into a worker", { error });
      this.#isCold = true;
    }
    return { name: "starting", handle };
  }

  async launch(handle: HeldContainer, signal: AbortSignal): Promise<After<HeldContainer, "starting">> {
    const { api, clock } = this.#context;
    if (this.#worker !== undefined) return await this.#launchInWorker(this.#worker, handle, signal);
    try {
      await this.#retry.run(() => api.startContainer(handle.id), signal, "throw");
    } catch (error) {
      if (error instanceof EngineResponseError)
        throw new AttemptEnded(await this.#startFailure(handle.id, error, signal));
      throw error;
    }
    return { name: "running", handle, startedAt: clock.now() };
  }

  async #launchInWorker(
    worker: OneShot,
    handle: HeldContainer,
    signal: AbortSignal,
  ): Promise<After<HeldContainer, "starting">> {
    const { networks, clock } = this.#context;
    const env = withGateway(worker.env, networks?.of(worker.member.name));
    this.#startedAt = this.#isCold ? undefined : await worker.start(handle, env, signal);
    if (this.#startedAt === undefined && !(await worker.abandon(signal))) {
      this.#startedAt = clock.now();
      handle.wakeup.notify("ended");
    }
    if (this.#startedAt !== undefined) return { name: "running", handle, startedAt: this.#startedAt };
    this.#log.warn("an attempt starts cold, since its worker failed before it began", { ...worker.warm });
    return await this.#launchCold(handle, signal);
  }

  async #launchCold(
    abandoned: HeldContainer,
    signal: AbortSignal,
  ): Promise<After<HeldContainer, "starting">> {
    await abandoned.close();
    this.#worker = undefined;
    this.#container = this.#name;
    this.#isCold = true;
    let found = await this.find(signal);
    while (found.name === "pulling") {
      await this.pull(signal);
      found = await this.find(signal);
    }
    switch (found.name) {
      case "created": {
        const prepared = await this.prepare(found.handle, signal);
        return prepared.name === "starting" ? await this.launch(prepared.handle, signal) : prepared;
      }
      case "ending":
        found.handle.wakeup.notify("ended");
        return { ...found, name: "running" };
      case "running":
      case "ended":
        return found;
    }
  }

  async #startFailure(id: string, error: EngineResponseError, signal: AbortSignal): Promise<AttemptExit> {
    const { api, settings } = this.#context;
    const state = await this.#inspect(id, signal);
    const image = await api.inspectImage(this.#spec.image.pinned).catch(() => undefined);
    const isForeign =
      image !== undefined && image.architecture !== "" && image.architecture !== settings.info.architecture;
    return startFailure(error, {
      spec: this.#spec,
      engine: settings.engine,
      notedExitCode: state?.exitCode ?? 0,
      foreignPlatform: isForeign ? `${image.os}/${image.architecture}` : undefined,
    });
  }

  async watch(handle: HeldContainer, signal: AbortSignal): Promise<After<HeldContainer, "running">> {
    handle.followLog();
    for (let inspections = INSPECT_AGAIN_MS.length; ; inspections++) {
      if ((await handle.wakeup.next(signal, INSPECT_AGAIN_MS[inspections])) === "ended") inspections = -1;
      // An engine that hangs keeps neither a stop nor a detach from being carried out.
      const state = await orAborted(this.#inspect(handle.id, signal), signal);
      if (state === undefined) {
        await handle.log.giveUp();
        throw new AttemptEnded(removed(this.#container));
      }
      if (state.running || state.status === "initialized") continue;
      handle.last = state;
      return { name: "ending", handle, startedAt: state.startedAt };
    }
  }

  /** SIGTERM (or the image's own STOPSIGNAL), then SIGKILL. The engines count the time in whole seconds. */
  async stop(handle: HeldContainer, graceMs: number): Promise<void> {
    await stopContainer(this.#context.api, this.#container, graceMs);
    handle.wakeup.notify("ended");
  }

  async conclude(handle: HeldContainer, stopped: boolean, signal: AbortSignal): Promise<Ended> {
    const { api, settings } = this.#context;
    const { last } = handle;
    if (last === undefined) throw new Error(`container ${this.#container} was not seen ended`);
    await this.#finishLog(handle, signal);
    const exit = attemptExit(last, {
      spec: this.#spec,
      inWorkerSinceMs: this.#container === this.#name ? undefined : this.#startedAt,
      api,
      info: settings.info,
      policy: settings.policy,
      tail: handle.log.writer,
      stopRequested: stopped,
      outage: this.#retry.outage,
    });
    const isKilled = exit.exitCode === SIGKILL_CODE && !exit.outOfMemory && !stopped;
    const isRemoved = isKilled && (await this.#isBeingRemoved(handle, signal));
    return { name: "ended", exit: isRemoved ? removed(this.#container) : exit };
  }

  /** `podman rm --force` kills first and removes then: what seems to be a kill may be the first half of that. */
  async #isBeingRemoved(handle: HeldContainer, signal: AbortSignal): Promise<boolean> {
    for (const waitMs of REMOVAL_CHECKS_MS) {
      await handle.wakeup.next(signal, waitMs);
      if ((await orAborted(this.#inspect(handle.id, signal), signal)) === undefined) return true;
    }
    return false;
  }

  /** A log that cannot be read does not change how the attempt ended; the log says so. */
  async #finishLog(handle: HeldContainer, signal: AbortSignal): Promise<void> {
    try {
      await this.#retry.run(() => handle.log.finish(signal), signal, "throw");
    } catch (error) {
      if (signal.aborted) throw error;
      this.#log.warn("the end of a log could not be read", { error });
      await handle.log.giveUp();
      const message = `the end of the log could not be read: ${messageOf(error)}`;
      this.#sink.write("system", message, this.#context.clock.now());
    }
  }

  async close(): Promise<void> {
    this.#context.warm?.pools.end(this.#spec.key);
    this.#worker?.close();
    await this.#held?.close();
  }

  #inspect(id: string, signal: AbortSignal): Promise<ContainerState | undefined> {
    return this.#retry.run(() => this.#context.api.inspectContainer(id), signal, "tolerate");
  }
}

export async function stopContainer(api: EngineApi, name: string, graceMs: number): Promise<void> {
  if (graceMs <= 0) await api.killContainer(name, "SIGKILL");
  else await api.stopContainer(name, Math.ceil(graceMs / 1000));
}

/** Created, but never started: only then may it be started. */
function isNew(state: ContainerState): boolean {
  return (state.status === "created" || state.status === "initialized") && state.startedAt === undefined;
}
