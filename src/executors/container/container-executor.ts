/** Attempts as containers of Podman or Docker, through the engine's own API. */
import type { AttemptKey } from "../../domain/attempt.ts";
import type { ResolvedImage } from "../../domain/image.ts";
import { countGpus } from "../machine.ts";
import type { Clock } from "../../lib/clock.ts";
import { createEgressRule, type EgressRule } from "../../lib/egress.ts";
import { hostPort } from "../../lib/host-port.ts";
import type { Logger } from "../../lib/log.ts";
import { createCredentialSource, type CredentialSource } from "../../images/registry/credentials.ts";
import type { RegistryClient } from "../../images/registry/registry-client.ts";
import { createRegistryClients, type RegistryClients } from "../../images/registry/registry-clients.ts";
import { NO_REGISTRIES, type Registries } from "../../images/registry/registries.ts";
import { plainEnvironment } from "../plain-environment.ts";
import type { Executor } from "../executor.ts";
import { AttemptMachine, type AttemptWork } from "../attempt-machine.ts";
import { WarmAttempt } from "../warm-attempt.ts";
import type { HeldInWorker } from "../workers/held-in-worker.ts";
import { WatchedAttempts } from "../watched-attempts.ts";
import { stopContainer } from "./attempt-container.ts";
import { attemptContext } from "./attempt-context.ts";
import { ContainerAttempt, refusalContext, type ContainerAttemptContext } from "./container-attempt.ts";
import type { HeldContainer } from "./held-container.ts";
import { createContainerEvents } from "./container-events.ts";
import { confine, NO_POLICY, type ConfinementPolicy } from "./confinement.ts";
import { containerName, keyOfLabels, LABEL } from "./container-spec.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { BridgeAddresses } from "../../containers/bridge-addresses.ts";
import type { PodmanRuntimes } from "../../containers/podman-runtimes.ts";
import type { EngineInfo } from "../../containers/types.ts";
import type { CodeBundles } from "../../code-bundles/code-bundles.ts";
import { placeCode } from "./place-code.ts";
import { ALL_ADAPTATIONS } from "../../images/check/adaptations.ts";
import { createStartAdapter, type StartAdapterOptions } from "../adapt/adapt-start.ts";
import { createImageChecker } from "./image-checker.ts";
import { createImageRunner } from "./image-runner.ts";
import { createInteractive } from "./interactive-container.ts";
import { createImagePuller, type PullByCommand } from "./image-puller.ts";
import type { ImageRecords } from "../image-records.ts";
import type { Inherited } from "./inherited.ts";
import { limitFactsOf } from "./limit-facts.ts";
import { OwnContainers } from "./own-containers.ts";
import type { RunNetworks } from "./run-networks.ts";
import { createPrefetch } from "./prefetch.ts";
import { attemptInWorker } from "./in-worker.ts";
import { endOf, limitFactsIn } from "./pooled-in-container.ts";
import { refusal } from "./refusal.ts";
import { createWarmStarts, expectInWorkers, type WarmStartOptions } from "./warm-starts.ts";
import { endInWorker, exitCodeOf, releaseInWorker } from "./release-in-worker.ts";
import { resolveImage } from "./resolve-image.ts";
import { whyCold } from "./why-cold.ts";

export interface ContainerExecutorOptions {
  readonly api: EngineApi;
  /** What `api.info()` said. */
  readonly info: EngineInfo;
  /** Name of this server instance: its containers carry it, and no other instance touches them. */
  readonly instance: string;
  readonly log: Logger;
  readonly clock: Clock;
  /** Host (and port) at which a container reaches this machine; asked at each start. */
  readonly endpointHost: () => string;
  /** Lines for the containers' /etc/hosts, `name:address`. */
  readonly extraHosts?: readonly string[];
  /** Networks for runs, closed with the executor; without them containers are where the engine puts them. */
  readonly networks?: RunNetworks | undefined;
  /** Undefined: the engine keeps the addresses of its bridges itself, or they are not on this machine. */
  readonly bridgeAddresses?: BridgeAddresses | undefined;
  readonly credentials?: CredentialSource;
  readonly registry?: RegistryClient;
  readonly registries?: Registries;
  /** Hosts that may be asked for the images of callers that are not trusted. @default public ones */
  readonly egress?: EgressRule | undefined;
  /** How the engine pulls from registries whose settings its API does not take. */
  readonly pullByCommand?: PullByCommand | undefined;
  /** What of this machine's settings containers get; nothing without it. */
  readonly inherited?: Inherited;
  /** What holds containers in beside the defaults. */
  readonly policy?: ConfinementPolicy;
  /** What is known of images; without it nothing is kept. */
  readonly records?: ImageRecords;
  /** How images run that would not as they are; without it each is started as it is. */
  readonly adaptation?: AdaptationOptions | undefined;
  /** Containers that are made ahead of attempts; without it each has one that is made for it. */
  readonly warmStarts?: WarmStartOptions | undefined;
  /** How podman on this machine makes containers with another OCI runtime; closed with the executor. */
  readonly podmanRuntimes?: PodmanRuntimes | undefined;
  /** How long the engine may be unreachable before its attempts count as lost. */
  readonly lostAfterMs?: number;
}

export interface AdaptationOptions extends Pick<
  StartAdapterOptions,
  "fitter" | "isStrict" | "placePrograms"
> {
  /** Undefined: tasks fetch their code themselves. */
  readonly bundles: CodeBundles | undefined;
}

const LOST_AFTER_MS = 120_000;
const OFF = { setting: "off" } as const;

export function createContainerExecutor(options: ContainerExecutorOptions): Executor {
  const { api, info, instance, log, clock, networks, lostAfterMs = LOST_AFTER_MS } = options;
  const { registries = NO_REGISTRIES, pullByCommand, inherited = {}, egress = createEgressRule() } = options;
  const { policy = NO_POLICY, podmanRuntimes, records: cache } = options;
  const credentials = options.credentials ?? createCredentialSource({ registries });
  const platform = { os: info.os, architecture: info.architecture };
  const { registry } = options;
  const registryFor: RegistryClients =
    registry === undefined
      ? createRegistryClients({ credentials, platform, clock, registries }, egress)
      : () => registry;
  const puller = createImagePuller({ api, registryFor, credentials, registries, pullByCommand, clock });
  const prefetch = createPrefetch({ api, puller, log });
  const checker = createImageChecker({
    api,
    podmanRuntimes,
    info,
    policy,
    instance,
    registryFor,
    puller,
    cache,
    clock,
  });
  const { adaptation } = options;
  const adapter =
    adaptation &&
    createStartAdapter({
      ...adaptation,
      engine: `${api.engine} ${api.version}`,
      checker,
      ...((options.warmStarts ?? OFF).setting === "off" && { placePrograms: undefined }),
      // An engine on another machine mounts no files of this one.
      available: new Set([...ALL_ADAPTATIONS].filter((kind) => kind !== "runtime" || api.onThisMachine)),
      runnerFor: (image, interpreter) =>
        createImageRunner({ api, podmanRuntimes, info, policy, instance, clock, image, interpreter }),
      placeCode: async (spec, facts) => {
        const { bundles } = adaptation;
        if (bundles === undefined) return undefined;
        const confinement = confine(spec, policy);
        return await placeCode(spec, facts, {
          bundles,
          engine: api.engine,
          mountsFiles: api.onThisMachine,
          confinement,
        });
      },
    });
  const events = createContainerEvents(api, `${LABEL.instance}=${instance}`, log, clock);
  const own = new OwnContainers(api, instance);
  const watched = new WatchedAttempts<HeldContainer | HeldInWorker>(log);
  const resolving = new Map<string, Promise<ResolvedImage>>();

  const nameOf = (key: AttemptKey) => containerName(instance, key);
  const context = (): ContainerAttemptContext => ({
    api,
    settings: {
      instance,
      engine: api.engine,
      info,
      extraHosts: options.extraHosts ?? [],
      policy,
    },
    podmanRuntimes,
    networks,
    bridgeAddresses: options.bridgeAddresses,
    inherited,
    adapter,
    serverHost: options.endpointHost(),
    own,
    puller,
    events,
    clock,
    log,
    lostAfterMs,
  });
  const warm = options.warmStarts && createWarmStarts(options.warmStarts, context);
  const assignmentOf = (key: AttemptKey) => warm?.assignments.of(nameOf(key));
  /** Of an attempt that shares it. */
  const sharedWorkerOf = (key: AttemptKey) => {
    const assigned = assignmentOf(key)?.warm;
    return assigned === undefined || assigned.mode === "one_shot" ? undefined : assigned.worker;
  };
  const workerOf = (key: AttemptKey) => {
    const assigned = assignmentOf(key)?.warm;
    return assigned?.mode === "one_shot" ? assigned.worker : undefined;
  };
  const containerOf = (key: AttemptKey) => workerOf(key) ?? nameOf(key);

  return {
    description: `${api.engine} ${api.version}`,
    capacity: {
      ...(options.info.cpus > 0 && { cpu: options.info.cpus }),
      ...(options.info.memoryBytes > 0 && { memoryBytes: options.info.memoryBytes }),
      // See refuseGpus() in refusal.ts.
      gpu: api.engine === "podman" ? 0 : countGpus(),
    },
    endpointForAttempts: (port) => hostPort(options.endpointHost(), port),
    environmentFor: plainEnvironment,
    resolveImage: (reference, isTrusted = false) => {
      // Many runs of one image may start at once; they share one request.
      const key = `${isTrusted} ${reference}`;
      const known = resolving.get(key);
      if (known) return known;
      const sources = { api, registry: registryFor(isTrusted), platform };
      const asked = resolveImage(reference, sources).finally(() => resolving.delete(key));
      resolving.set(key, asked);
      return asked;
    },
    platform,
    checker,
    interactive: createInteractive(context),
    expect: ({ images, isTrusted = false, attempts = [] }) => {
      prefetch.add(images, isTrusted);
      if (warm !== undefined && adapter !== undefined && attempts.length > 0)
        void expectInWorkers(attempts, { warm, adapter, policy, log });
    },
    refusal: (_, demands) => refusal(demands, refusalContext(context())),
    start: async (spec, logs, observer) => {
      const name = nameOf(spec.key);
      const work = (): AttemptWork<HeldContainer | HeldInWorker> => {
        const attempt = attemptContext(context(), spec, logs, observer);
        if (warm === undefined) return new ContainerAttempt(attempt);
        const { pools } = warm;
        const cold = new ContainerAttempt(attempt, {
          giveWay: () => pools.giveWay(),
          whyCold: (adapted) => whyCold(adapted, warm, policy),
        });
        const inWorker = attemptInWorker(attempt, warm);
        return new WarmAttempt<HeldContainer | HeldInWorker>({ spec, pools, warm: inWorker, cold });
      };
      await watched.start(name, () => new AttemptMachine(work(), observer, log.child({ container: name })));
    },
    stop: async (key, graceMs) => {
      if (await watched.stop(nameOf(key), graceMs)) return undefined;
      const assignment = assignmentOf(key);
      const shared = sharedWorkerOf(key);
      if (warm !== undefined && assignment !== undefined && shared !== undefined) {
        const releasing = { ...warm, clock, log };
        await endInWorker(releasing, assignment);
        return (await exitCodeOf(releasing, assignment)) ?? (await endOf(api, shared))?.exitCode;
      }
      await stopContainer(api, containerOf(key), graceMs);
      const state = await api.inspectContainer(containerOf(key));
      // One that never ran, or that was running when the machine went down, has none.
      return state?.status === "exited" && state.exitCode >= 0 ? state.exitCode : undefined;
    },
    release: async (key) => {
      const name = nameOf(key);
      // The end of one that still runs is reported first: nobody waits for it in vain.
      await watched.stop(name, 0);
      if (warm !== undefined && sharedWorkerOf(key) !== undefined) {
        await releaseInWorker({ ...warm, clock, log }, key, name);
        return;
      }
      warm?.pools.release(key);
      const worker = workerOf(key);
      if (worker !== undefined) {
        await warm?.workers.remove(worker);
        await warm?.assignments.forget(name);
        return;
      }
      await api.removeContainer(name);
      own.removed(name);
      networks?.leave(name);
    },
    ...(warm && { runEnded: (run) => warm.pools.runEnded(run) }),
    // Where nothing is kept any more, attempts that an earlier server has started in workers go on.
    ...(warm && warm.setting !== "off" && { pools: () => warm.pools.states() }),
    limitFactsOf: async (spec) => {
      const assignment = assignmentOf(spec.key);
      const shared = sharedWorkerOf(spec.key);
      if (assignment !== undefined && shared !== undefined) {
        const unknown = { exitCode: 1, stopRequested: false, hasWorkerEnded: false };
        return await limitFactsIn(context(), shared, { spec, sinceMs: assignment.assignedAt, ...unknown });
      }
      const state = await api.inspectContainer(containerOf(spec.key));
      const known = { spec, policy, api, info, stopRequested: false };
      return state === undefined ? { outOfMemory: false } : limitFactsOf(state, known);
    },
    list: async () => {
      const containers = await api.listContainers([`${LABEL.instance}=${instance}`]);
      const inWorkers = warm?.assignments.all().map(({ key }) => key) ?? [];
      return [...containers.flatMap(({ labels }) => keyOfLabels(labels) ?? []), ...inWorkers];
    },
    close: async () => {
      prefetch.close();
      puller.close();
      await watched.detachAll();
      await warm?.pools.close();
      await Promise.all([events.close(), networks?.close(), podmanRuntimes?.close()]);
    },
  };
}
