/**
 * An attempt in a container that is made for it. What its states are there:
 *
 *   find: take up what is there, or adapt to the image and create · pull · prepare: inherit, attach · launch: start ·
 *   watch: wait for a wake-up, inspect · conclude: the rest of the log, the exit
 */
import type { AttemptExit } from "../../domain/attempt.ts";
import { createBackoff } from "../../lib/backoff.ts";
import type { BridgeAddresses } from "../../containers/bridge-addresses.ts";
import { EngineResponseError } from "../../containers/http.ts";
import type { ContainerState } from "../../containers/types.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { orAborted } from "../../lib/wait.ts";
import type { After, Ended } from "../attempt-chart.ts";
import { AttemptEnded } from "../attempt-machine.ts";
import type { AdaptedAttempt, StartAdapter } from "../start-adapter.ts";
import type { ColdStart } from "../warm-attempt.ts";
import { AttemptContainer } from "./attempt-container.ts";
import type { AttemptContext } from "./attempt-context.ts";
import { nameInUse, storageLost } from "./attempt-exit.ts";
import { createContainer, putCertificates, putSecretFiles, type CreateContext } from "./create-container.ts";
import type { ContainerEvents } from "./container-events.ts";
import type { ContainerSettings } from "./container-spec.ts";
import type { HeldContainer } from "./held-container.ts";
import type { ImagePuller } from "./image-puller.ts";
import type { Inherited } from "./inherited.ts";
import type { ContainerMakers } from "./oci-runtime.ts";
import type { OwnContainers } from "./own-containers.ts";
import { keepGateway } from "./join-network.ts";
import { putArchives } from "./put-archives.ts";
import { refusal, type RefusalContext } from "./refusal.ts";
import type { RunNetworks } from "./run-networks.ts";
import { startFailure } from "./start-failure.ts";

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
  /** Undefined: the engine keeps the addresses of its bridges itself, or they are not on this machine. */
  readonly bridgeAddresses: BridgeAddresses | undefined;
  /** Of attempts, on this engine. */
  readonly own: OwnContainers;
  readonly puller: ImagePuller;
  readonly events: ContainerEvents;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long the engine may be unreachable before its attempts count as lost. */
  readonly lostAfterMs: number;
}

/** What workers have to do with a container that is made for an attempt. */
export interface BesideWorkers {
  /** Resolves when idle workers have ended that hold what attempts have requested. */
  giveWay(): Promise<void>;
  /** Why no worker has the attempt, for people; undefined where none was to be expected. */
  whyCold(adapted: AdaptedAttempt): string | undefined;
}

/** What an attempt may ask of this engine. */
export function refusalContext(context: ContainerAttemptContext): RefusalContext {
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

export class ContainerAttempt implements ColdStart<HeldContainer> {
  readonly #attempt: AttemptContext;
  readonly #workers: BesideWorkers | undefined;
  readonly #container: AttemptContainer;

  /** `workers`: where this server keeps some. */
  constructor(attempt: AttemptContext, workers?: BesideWorkers) {
    this.#attempt = attempt;
    this.#workers = workers;
    this.#container = new AttemptContainer(attempt, attempt.name);
  }

  async find(signal: AbortSignal): Promise<After<HeldContainer, "finding">> {
    return (await this.takeUp(signal)) ?? (await this.create(signal));
  }

  async takeUp(signal: AbortSignal): Promise<After<HeldContainer, "finding"> | undefined> {
    const { spec, adapter, retry, own, name } = this.#attempt;
    const refused = refusal(spec, refusalContext(this.#attempt));
    if (refused !== undefined) throw new AttemptEnded(refused);
    // Created as it is, or there already: the creation tells.
    if (adapter === undefined) return undefined;
    if (!(await retry.run(() => own.mayInclude(name), signal, "tolerate"))) return undefined;
    // What an earlier server started goes on, whatever can be found out of its image now.
    const state = await this.#container.inspect(signal);
    if (state === undefined) return undefined;
    if (!isNew(state)) return this.#container.takeUp(state);
    await this.#remove(state.id, signal);
    return undefined;
  }

  async create(signal: AbortSignal): Promise<After<HeldContainer, "finding">> {
    const { image, observer, settings, name, own, retry, clock } = this.#attempt;
    if (!(await image.adapt(signal))) return image.missing();
    await orAborted(this.#workers?.giveWay() ?? Promise.resolve(), signal);
    // Before there is a container, so that it is known of each that there is.
    if (image.adapted !== undefined) {
      const cold = this.#workers?.whyCold(image.adapted);
      observer.prepared({ ...image.adapted.start, ...(cold !== undefined && { cold }) });
    }
    const backoff = createBackoff(CREATE_AGAIN, clock);
    const wasLeft = await retry.run(() => own.mayInclude(name), signal, "tolerate");
    own.add(name);
    for (let tries = 1; ; tries++) {
      const created = await createContainer(this.#creation(), signal);
      if (created.kind === "created") return { name: "created", handle: this.#container.hold(created.id) };
      if (created.kind === "image_missing") return image.missing();
      const state = await this.#container.inspect(signal);
      if (state !== undefined && !isNew(state)) return this.#container.takeUp(state);
      if (state !== undefined && this.#attempt.adapter === undefined)
        return { name: "created", handle: this.#container.hold(state.id) };
      // One that cannot be inspected keeps its name, and may run (api.ts). What this server has made was not started yet.
      if (state === undefined && wasLeft) throw new AttemptEnded(storageLost(name));
      await this.#remove(state?.id ?? name, signal);
      // It can be created now, unless something else has the name.
      if (tries === MOST_CREATIONS) throw new AttemptEnded(nameInUse(name, settings.engine));
      await backoff.wait(signal);
    }
  }

  /** A container without anything in it yet: it may have been created as another plan said. */
  async #remove(container: string, signal: AbortSignal): Promise<void> {
    const { api, retry } = this.#attempt;
    await retry.run(() => api.removeContainer(container), signal, "tolerate");
  }

  #creation(): CreateContext {
    return { ...this.#attempt, spec: this.#attempt.image.spec };
  }

  pull(signal: AbortSignal): Promise<After<HeldContainer, "pulling">> {
    return this.#attempt.image.pull(signal);
  }

  async prepare(handle: HeldContainer, signal: AbortSignal): Promise<After<HeldContainer, "created">> {
    const creation = this.#creation();
    await putCertificates(creation, handle.id, signal);
    await this.#attempt.notes.report(creation, signal);
    await putSecretFiles(creation, handle.id, signal);
    await putArchives(creation, handle.id, signal);
    signal.throwIfAborted();
    await handle.attach();
    await keepGateway(creation);
    return { name: "starting", handle };
  }

  async launch(handle: HeldContainer, signal: AbortSignal): Promise<After<HeldContainer, "starting">> {
    const { api, clock, retry } = this.#attempt;
    try {
      await retry.run(() => api.startContainer(handle.id), signal, "throw");
    } catch (error) {
      if (error instanceof EngineResponseError)
        throw new AttemptEnded(await this.#startFailure(handle.id, error, signal));
      throw error;
    }
    return { name: "running", handle, startedAt: clock.now() };
  }

  async #startFailure(id: string, error: EngineResponseError, signal: AbortSignal): Promise<AttemptExit> {
    const { api, settings, image } = this.#attempt;
    const state = await this.#container.inspect(signal, id);
    const found = await api.inspectImage(image.spec.image.pinned).catch(() => undefined);
    const isForeign =
      found !== undefined && found.architecture !== "" && found.architecture !== settings.info.architecture;
    return startFailure(error, {
      spec: image.spec,
      engine: settings.engine,
      notedExitCode: state?.exitCode ?? 0,
      foreignPlatform: isForeign ? `${found.os}/${found.architecture}` : undefined,
    });
  }

  watch(handle: HeldContainer, signal: AbortSignal): Promise<After<HeldContainer, "running">> {
    return this.#container.watch(handle, signal);
  }

  stop(handle: HeldContainer, graceMs: number): Promise<void> {
    return this.#container.stop(handle, graceMs);
  }

  conclude(handle: HeldContainer, stopped: boolean, signal: AbortSignal): Promise<Ended> {
    return this.#container.conclude(handle, stopped, signal);
  }

  close(): Promise<void> {
    return this.#container.close();
  }
}

/** Created, but never started: only then may it be started. */
function isNew(state: ContainerState): boolean {
  return (state.status === "created" || state.status === "initialized") && state.startedAt === undefined;
}
