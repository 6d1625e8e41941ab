/** What is kept of an image's manifest and configuration, within the bounds of ImageFacts. */
import type { ImageConfigFacts, ImageFacts, LayerFacts } from "../../domain/image-facts.ts";
import { LAUNCH_VARIABLES } from "../../domain/launch-limits.ts";
import { formatPlatform } from "../registry/platform.ts";
import type { RegistryImageDetails } from "../registry/registry-client.ts";
import { printable } from "./probe-frames.ts";

/** Others may be secret. */
const KEPT_VARIABLES: ReadonlySet<string> = new Set([
  "PATH",
  "HOME",
  "PYTHONPATH",
  "VIRTUAL_ENV",
  "CONDA_PREFIX",
  "PYENV_ROOT",
  "UV_PYTHON_INSTALL_DIR",
  "LD_LIBRARY_PATH",
  "CUDA_VERSION",
  ...LAUNCH_VARIABLES,
]);
const MAX_ENTRIES = 256;

/** Of the configuration, whoever returned it: a registry or an engine. */
export function configFacts(config: ImageConfigFacts): ImageConfigFacts {
  const texts = (all: readonly string[]) => all.slice(0, MAX_ENTRIES).map(printable);
  return {
    user: printable(config.user),
    workdir: printable(config.workdir),
    entrypoint: texts(config.entrypoint),
    cmd: texts(config.cmd),
    env: Object.fromEntries(
      Object.entries(config.env)
        .filter(([name]) => KEPT_VARIABLES.has(name))
        .map(([name, value]) => [name, printable(value)]),
    ),
    volumes: texts(config.volumes),
    stopSignal: printable(config.stopSignal),
    healthcheck: config.healthcheck,
  };
}

export function registryFacts(details: RegistryImageDetails): Omit<ImageFacts, "container"> {
  const { config, platforms, annotations } = details;
  const layers = details.layers.slice(0, MAX_ENTRIES).map(layerFacts);
  const name = annotations["org.opencontainers.image.base.name"];
  const digest = annotations["org.opencontainers.image.base.digest"];
  return {
    platform: formatPlatform(config.platform),
    platforms: [...new Set(platforms.map(formatPlatform))].slice(0, MAX_ENTRIES).map(printable),
    sizeBytes: layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    layers,
    config: configFacts(config),
    ...(name !== undefined &&
      digest !== undefined && { base: { name: printable(name), digest: printable(digest) } }),
  };
}

/** `application/vnd.oci.image.layer.v1.tar+zstd`, `application/vnd.docker.image.rootfs.diff.tar.gzip` */
function layerFacts({ digest, sizeBytes, mediaType }: RegistryImageDetails["layers"][number]): LayerFacts {
  const [, compression] = /\.tar(?:[.+](gzip|zstd))?$/u.exec(mediaType) ?? [];
  const isTar = /\.tar\b/u.test(mediaType);
  return {
    digest: printable(digest),
    sizeBytes,
    compression: (compression as "gzip" | "zstd" | undefined) ?? (isTar ? "none" : "unknown"),
  };
}
