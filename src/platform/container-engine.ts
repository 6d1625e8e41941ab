/** The platform of a container engine: finds it, makes the server reachable from its containers, closes it. */
import { join } from "node:path";
import { createEgressRule } from "../lib/egress.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { createLogger, type Logger } from "../lib/log.ts";
import { once } from "../lib/once.ts";
import { hostPort } from "../lib/host-port.ts";
import { systemClock } from "../lib/clock.ts";
import { createBridgeAddresses, type BridgeAddresses } from "../containers/bridge-addresses.ts";
import { createForwardGuard, programsOf } from "../containers/forward-guard.ts";
import { engineProgram } from "../containers/program.ts";
import { createPodmanRuntimes } from "../containers/podman-runtimes.ts";
import { pullImage } from "../containers/program-transfer.ts";
import { NO_REGISTRIES, type Registries } from "../images/registry/registries.ts";
import { CODE_BUNDLES_DIRECTORY, createCodeBundles } from "../code-bundles/code-bundles.ts";
import { createFetchWheel } from "../python-runtime/fetch-wheel.ts";
import { placePrograms } from "../python-runtime/programs.ts";
import { fitsInMemory, RuntimeFitter } from "../python-runtime/runtime-fitter.ts";
import { RuntimeStore } from "../python-runtime/runtime-store.ts";
import type { ExecutorContext, Platform } from "./platform.ts";
import type { PlatformOptions } from "./choose.ts";
import {
  createContainerExecutor,
  type ContainerExecutorOptions,
} from "../executors/container/container-executor.ts";
import { formatEngineAddress } from "../containers/address.ts";
import type { EngineApi } from "../containers/api.ts";
import { examineEngine } from "./examine.ts";
import { findEngine, type EnginePreference } from "../containers/find.ts";
import { removeInteractive } from "../executors/container/interactive-container.ts";
import { readInherited } from "../executors/container/inherited.ts";
import { NO_POLICY, type ConfinementPolicy } from "../executors/container/confinement.ts";
import { gatewayOf, HOST_NAMES } from "../executors/container/network-fields.ts";
import { openWorkers } from "../executors/container/warm-starts.ts";
import { countGpus } from "../executors/machine.ts";
import { availableMemory } from "../executors/workers/available-memory.ts";
import { poolLimits } from "../executors/workers/pool-rules.ts";
import { createWorkerPools } from "../executors/workers/pools.ts";
import { RunNetworks, type RunNetworksOptions } from "../executors/container/run-networks.ts";
import { readEngineNetwork, type EngineNetwork, type HostCandidate } from "./network.ts";
import { createImageChecker } from "../executors/container/image-checker.ts";
import { createImagePuller, type PullByCommand } from "../executors/container/image-puller.ts";
import { createCredentialSource } from "../images/registry/credentials.ts";
import { createRegistryClients } from "../images/registry/registry-clients.ts";
import { createImageTools } from "./image-tools.ts";
import { removeProbes, type ProbeOptions } from "./probe-container.ts";
import { probeFromContainer, type ProbeResult } from "./probe.ts";
import { warmStartPolicy } from "./warm-starts.ts";

/** The probe's container is of no run. */
const PROBE = { name: "probe", owner: "probe" };

type ContainerPlatformOptions = Omit<PlatformOptions, "engine"> & { readonly engine: EnginePreference };

/** Throws CONFIG_INVALID, or ENGINE_UNREACHABLE, which lists what was tried. */
export async function chooseContainerPlatform(
  options: ContainerPlatformOptions,
  env: NodeJS.ProcessEnv,
): Promise<Platform> {
  const { registries = NO_REGISTRIES, egress = createEgressRule() } = options;
  const inherited = readInherited(options.containers, env);
  const found = await findEngine({ preference: options.engine, env, log: createLogger({ level: "warn" }) });
  const { api } = found;
  try {
    const info = await api.info();
    const network = await readEngineNetwork({ api, info });
    // Rootless Podman gives each container a network stack of its own, which reaches no other container.
    const isShared = options.networks?.shared === true || (api.engine === "podman" && info.rootless);
    refuseEgress(options.policy, network, isShared);
    let chosen: HostCandidate | undefined = network.candidates[0];
    let networks: RunNetworks | undefined;
    let instance = "boxkite";
    let log = createLogger({ level: "warn" });

    return {
      createExecutor: async (context) => {
        instance = context.instance;
        log = context.log;
        await removeProbes(api, instance);
        await removeInteractive(api, instance);
        // A socket that is shared with a virtual machine does not lead into it.
        const mayBeWarm =
          context.runtimesDirectory !== undefined && api.onThisMachine && !network.inVirtualMachine;
        const { dataDirectory } = context;
        const warm =
          options.warmStarts &&
          warmStartPolicy(options.warmStarts, {
            memoryBytes: info.memoryBytes,
            strictImages: options.strictImages ?? false,
          });
        const workers = mayBeWarm ? await openWorkers({ api, instance, dataDirectory, log }) : undefined;
        networks = isShared
          ? undefined
          : await openRunNetworks(
              {
                api,
                instance,
                log,
                clock: systemClock,
                bridges: network.runBridges,
                ...(workers && { runOf: (worker) => workers.assignments.runOf(worker) }),
              },
              env,
            );
        return createContainerExecutor({
          api,
          info,
          instance,
          log,
          clock: systemClock,
          registries,
          egress,
          pullByCommand: api.engine === "podman" ? pullByPodman(env, registries) : undefined,
          inherited,
          ...(options.policy && { policy: options.policy }),
          podmanRuntimes:
            api.engine === "podman" && !network.inVirtualMachine
              ? createPodmanRuntimes({ env, log })
              : undefined,
          endpointHost: () =>
            networks?.isDirect === true ? HOST_NAMES.docker : (chosen?.host ?? "127.0.0.1"),
          extraHosts: network.hostEntries,
          networks,
          bridgeAddresses: bridgeAddressesOf(api, network, { env, log }),
          ...(context.records && { records: context.records }),
          adaptation: adaptationFor(context, env, options.strictImages ?? false),
          warmStarts: workers &&
            warm && {
              ...workers,
              setting: warm.setting,
              createPools: (maker) =>
                createWorkerPools({
                  maker,
                  limits: poolLimits(
                    { cpu: info.cpus, memoryBytes: info.memoryBytes, gpu: countGpus() },
                    warm,
                  ),
                  availableMemory,
                  memoryOf: (worker) => api.memoryOf(worker.name),
                  clock: systemClock,
                  log,
                }),
            },
        });
      },
      createImageChecker: (cache) => {
        const credentials = createCredentialSource({ env, registries });
        const machine = { os: info.os, architecture: info.architecture };
        const registryFor = createRegistryClients(
          { credentials, registries, env, platform: machine },
          egress,
        );
        const pullByCommand = api.engine === "podman" ? pullByPodman(env, registries) : undefined;
        const clock = systemClock;
        const puller = createImagePuller({ api, registryFor, credentials, registries, pullByCommand, clock });
        const { policy = NO_POLICY } = options;
        return createImageChecker({ api, info, policy, instance, registryFor, puller, cache, clock });
      },
      createImageTools: () => createImageTools(api.engine, commandLineEnv(api, env), { registries, egress }),
      engineReport: examineEngine(found, info),
      containerConnections: network.containerConnections,
      // The bridge exists only while a container runs, so the server cannot listen at its address alone.
      listenAt: network.inVirtualMachine ? "127.0.0.1" : "0.0.0.0",
      accepts: network.isAllowedLocalAddress,
      classOf: network.classOf,
      probe: async (port, signal) => {
        const result = await probeOn(networks, { api, network, instance, port, log, signal });
        if (result.kind === "reachable") chosen = result.candidate;
        const endpoint = hostPort(chosen?.host ?? "127.0.0.1", port);
        return {
          ok: true,
          endpoint,
          ...(result.kind === "not_probed" && { note: result.why }),
        };
      },
      close: async () => {
        await networks?.close();
        await found.close();
      },
    };
  } catch (error) {
    await found.close();
    throw error;
  }
}

function adaptationFor(
  { runtimesDirectory: directory, dataDirectory, findCode: findObject, records: known, log }: ExecutorContext,
  env: NodeJS.ProcessEnv,
  isStrict: boolean,
): ContainerExecutorOptions["adaptation"] {
  if (directory === undefined) return undefined;
  const clock = systemClock;
  const records = known ?? fitsInMemory();
  const store = new RuntimeStore({ directory, fetchWheel: createFetchWheel(env, clock), clock });
  const bundles =
    findObject &&
    createCodeBundles({ directory: join(dataDirectory, CODE_BUNDLES_DIRECTORY), findObject, clock, log });
  const placeWorkerPrograms = once(() => placePrograms(directory, clock));
  return {
    isStrict,
    bundles,
    fitter: new RuntimeFitter({ store, directory, records, clock, log }),
    placePrograms: () =>
      placeWorkerPrograms().catch((error: unknown) => {
        log.warn("attempts start cold: the programs of workers could not be written", { error });
        return undefined;
      }),
  };
}

/** A check that cannot be carried out later would let tasks out. */
function refuseEgress(
  { settings, templates }: ConfinementPolicy = NO_POLICY,
  network: EngineNetwork,
  isShared: boolean,
): void {
  const isAsked = [settings, ...templates.values()].some(({ egress }) => egress === "none");
  if (!isAsked || (network.runBridges !== undefined && !isShared)) return;
  throw new BoxkiteError(
    "CONFIG_INVALID",
    "egress: none is asked for, and this engine cannot keep tasks in",
    {
      hint: "use an engine of this machine that runs as root, and leave shared-network out",
    },
  );
}

async function openRunNetworks(
  options: Omit<RunNetworksOptions, "guard">,
  env: NodeJS.ProcessEnv,
): Promise<RunNetworks> {
  const { api, bridges, log } = options;
  // A rule of this machine does not act in a virtual machine.
  let guard = bridges && createForwardGuard(programsOf(env));
  try {
    await guard?.ensure();
  } catch (error) {
    guard = undefined;
    // Docker keeps its networks apart unless it is told to leave the firewall alone.
    if (api.engine === "podman")
      log.warn("containers of different runs may reach each other", {
        error,
        hint: error instanceof BoxkiteError ? error.hint : undefined,
      });
    else log.debug("docker alone keeps containers of different runs apart", { error });
  }
  return await RunNetworks.open({ ...options, guard });
}

/** Undefined with Docker, which sets them itself, and where they are not on this machine. */
export function bridgeAddressesOf(
  { engine }: EngineApi,
  { runBridges, defaultBridge }: EngineNetwork,
  { env, log }: { readonly env: NodeJS.ProcessEnv; readonly log: Logger },
): BridgeAddresses | undefined {
  if (engine === "docker" || runBridges === undefined) return undefined;
  return createBridgeAddresses({ run: programsOf(env), log, defaultBridge });
}

/** On a network as runs have it, since what holds there need not hold on the engine's own. */
async function probeOn(networks: RunNetworks | undefined, options: ProbeOptions): Promise<ProbeResult> {
  if (networks === undefined || options.network.inVirtualMachine) return await probeFromContainer(options);
  const joined = await networks.join(PROBE, false);
  try {
    const gateway = gatewayOf(joined);
    const network =
      gateway === undefined
        ? options.network
        : {
            ...options.network,
            candidates: [{ host: gateway, why: "gateway of a run's network" }],
            gateways: [gateway],
          };
    return await probeFromContainer({ ...options, network, networkMode: joined.name });
  } finally {
    networks.leave(PROBE.name);
  }
}

/** Docker's command line would search for an engine itself, and might find another one. */
function commandLineEnv({ engine, address }: EngineApi, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return engine === "docker" ? { ...env, DOCKER_HOST: formatEngineAddress(address) } : env;
}

function pullByPodman(env: NodeJS.ProcessEnv, registries: Registries): PullByCommand {
  const engine = engineProgram("podman", { env });
  return (reference, signal) => pullImage(engine, registries, reference, { signal });
}
