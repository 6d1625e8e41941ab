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
import { createRegistryClient } from "../images/registry/registry-client.ts";
import { systemClock } from "../lib/clock.ts";
import type { ImageTools } from "./platform.ts";

export async function createImageTools(
  engine: EngineName,
  env: NodeJS.ProcessEnv,
  registries: Registries = NO_REGISTRIES,
): Promise<ImageTools> {
  const certificates = hostCertificates(env);
  const options = { env, certificates, proxy: hostProxy(env), registries };
  const credentials = createCredentialSource({ env, registries });
  const registry = createRegistryClient({ credentials, registries, env });
  const builder = await (engine === "podman" ? createPodmanBuilder(options) : createDockerBuilder(options));
  return {
    builder: {
      ...builder,
      pull: (reference, pullOptions) =>
        watchPull({
          pull: (signal) => builder.pull(reference, { ...pullOptions, signal }),
          check: () => registry.requireLayers(parseImageReference(reference)),
          signal: pullOptions.signal,
          clock: systemClock,
        }),
    },
    certificates: certificates !== undefined,
    registry: {
      resolve: async (reference) => {
        try {
          return (await registry.resolve(parseImageReference(reference))).digest;
        } catch (error) {
          if (error instanceof BoxkiteError && error.code === "IMAGE_NOT_FOUND") return undefined;
          throw error;
        }
      },
    },
  };
}
