/** Builds with the same engine that runs the containers, so that an image without a registry is available to it. */
import { BoxkiteError } from "../domain/errors.ts";
import { hostCertificates, hostProxy } from "../builds/build-environment.ts";
import { createDockerBuilder } from "../builds/docker.ts";
import { createPodmanBuilder } from "../builds/podman.ts";
import { watchPull } from "../containers/pull-watch.ts";
import type { EngineName } from "../containers/types.ts";
import { parseImageReference } from "../images/reference.ts";
import { createCredentialSource } from "../images/registry/credentials.ts";
import { NO_REGISTRIES, type Registries } from "../images/registry/registries.ts";
import { createRegistryClients } from "../images/registry/registry-clients.ts";
import { systemClock } from "../lib/clock.ts";
import { createEgressRule, type EgressRule } from "../lib/egress.ts";
import type { ImageTools } from "./platform.ts";

export interface ImageToolsOptions {
  readonly registries?: Registries;
  /** Hosts that are contacted for callers that are not trusted. @default public ones */
  readonly egress?: EgressRule;
}

export async function createImageTools(
  engine: EngineName,
  env: NodeJS.ProcessEnv,
  { registries = NO_REGISTRIES, egress = createEgressRule() }: ImageToolsOptions = {},
): Promise<ImageTools> {
  const certificates = hostCertificates(env);
  const options = { env, certificates, proxy: hostProxy(env), registries };
  const credentials = createCredentialSource({ env, registries });
  const registryFor = createRegistryClients({ credentials, registries, env }, egress);
  const builder = await (engine === "podman" ? createPodmanBuilder(options) : createDockerBuilder(options));
  return {
    builder: {
      ...builder,
      pull: async (reference, pullOptions) => {
        const registry = registryFor(pullOptions.isTrusted ?? false);
        await registry.requireAllowed(parseImageReference(reference));
        await watchPull({
          pull: (signal) => builder.pull(reference, { ...pullOptions, signal }),
          check: () => registry.requireLayers(parseImageReference(reference)),
          signal: pullOptions.signal,
          clock: systemClock,
        });
      },
      push: async (imageId, reference, pushOptions) => {
        await registryFor(pushOptions.isTrusted ?? false).requireAllowed(parseImageReference(reference));
        return builder.push(imageId, reference, pushOptions);
      },
    },
    certificates: certificates !== undefined,
    registry: {
      resolve: async (reference, isTrusted) => {
        try {
          return (await registryFor(isTrusted).resolve(parseImageReference(reference))).digest;
        } catch (error) {
          if (error instanceof BoxkiteError && error.code === "IMAGE_NOT_FOUND") return undefined;
          throw error;
        }
      },
    },
  };
}
