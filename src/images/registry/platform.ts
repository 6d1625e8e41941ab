/** The platform of an image, in the terms of manifests. */
export interface ImagePlatform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

const NODE_ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386", ppc64: "ppc64le" };

/** Containers are Linux even if the machine is not: Docker Desktop and podman machine run a virtual one. */
export function machinePlatform(arch: string = process.arch): ImagePlatform {
  return { os: "linux", architecture: NODE_ARCHITECTURES[arch] ?? arch };
}

export function formatPlatform(platform: ImagePlatform): string {
  return [platform.os, platform.architecture, platform.variant].filter(Boolean).join("/");
}

/** The variant (arm/v7) is not compared: the engine knows what its processor can run. */
export function runsOn(image: ImagePlatform, machine: ImagePlatform): boolean {
  return image.os === machine.os && image.architecture === machine.architecture;
}
