/** The platform of a container engine: finds it, makes the server reachable from its containers, closes it. */
import { createEgressRule } from "../lib/egress.ts";
import { createLogger } from "../lib/log.ts";
import { hostPort } from "../lib/host-port.ts";
import { systemClock } from "../lib/clock.ts";
import { engineProgram } from "../containers/program.ts";
import { createPodmanRuntimes } from "../containers/podman-runtimes.ts";
import { pullImage } from "../containers/program-transfer.ts";
import { NO_REGISTRIES, type Registries } from "../images/registry/registries.ts";
import type { Platform } from "./platform.ts";
import type { PlatformOptions } from "./choose.ts";
import { createContainerExecutor } from "../executors/container/container-executor.ts";
import { formatEngineAddress } from "../containers/address.ts";
import type { EngineApi } from "../containers/api.ts";
import { examineEngine } from "./examine.ts";
import { findEngine, type EnginePreference } from "../containers/find.ts";
import type { PullByCommand } from "../executors/container/image-puller.ts";
import { readInherited } from "../executors/container/inherited.ts";
import { readEngineNetwork, type HostCandidate } from "./network.ts";
import { createImageTools } from "./image-tools.ts";
import { removeProbes } from "./probe-container.ts";
import { probeFromContainer } from "./probe.ts";

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
    let chosen: HostCandidate | undefined = network.candidates[0];
    let instance = "boxkite";
    let log = createLogger({ level: "warn" });

    return {
      createExecutor: async (context) => {
        instance = context.instance;
        log = context.log;
        await removeProbes(api, instance);
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
          endpointHost: () => chosen?.host ?? "127.0.0.1",
          extraHosts: network.hostEntries,
        });
      },
      createImageTools: () => createImageTools(api.engine, commandLineEnv(api, env), { registries, egress }),
      engineReport: examineEngine(found, info),
      hasContainers: true,
      // The bridge exists only while a container runs, so the server cannot listen at its address alone.
      listenAt: network.inVirtualMachine ? "127.0.0.1" : "0.0.0.0",
      accepts: network.isAllowedLocalAddress,
      classOf: network.classOf,
      probe: async (port, signal) => {
        const result = await probeFromContainer({ api, network, instance, port, log, signal });
        if (result.kind === "reachable") chosen = result.candidate;
        const endpoint = hostPort(chosen?.host ?? "127.0.0.1", port);
        return {
          ok: true,
          endpoint,
          ...(result.kind === "not_probed" && { note: result.why }),
        };
      },
      close: () => found.close(),
    };
  } catch (error) {
    await found.close();
    throw error;
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
