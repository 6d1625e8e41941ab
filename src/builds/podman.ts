/** Builds with the podman command line, which is Buildah inside. */
import { engineProgram, mustRunEngine } from "../containers/program.ts";
import type { BuildJob, ImageBuilder } from "./builder.ts";
import { PodmanProgress } from "./podman-progress.ts";
import { type BuilderOptions, imageOperations, runBuilder, secretArgs } from "./program-builder.ts";

export interface PodmanOptions extends BuilderOptions {
  /** `--isolation` of build steps. @default BUILDAH_ISOLATION of the environment, otherwise Podman's choice */
  readonly isolation?: "chroot" | "oci" | "rootless" | undefined;
}

export async function createPodmanBuilder(options: PodmanOptions = {}): Promise<ImageBuilder> {
  const engine = engineProgram("podman", options);
  const info = await mustRunEngine(engine, ["info", "--format", "{{.Version.Version}} {{.Host.Arch}}"]);
  const [version = "", architecture = ""] = info.trim().split(" ");
  return {
    description: `podman ${version}`,
    mounts: true,
    fromId: true,
    certificates: options.certificates !== undefined,
    architecture,
    // Podman passes the proxy variables of its own environment to the steps, and keeps them out of the image.
    build: (job) =>
      runBuilder(engine, options, job, new PodmanProgress(job.steps), { args: buildArgs(options, job) }),
    ...imageOperations(engine, options.registries),
  };
}

function buildArgs(options: PodmanOptions, job: BuildJob): string[] {
  return [
    "build",
    "--pull=never",
    // Docker's format keeps the SHELL and HEALTHCHECK of a base, which OCI's format cannot represent.
    "--format=docker",
    "--layers",
    "--force-rm",
    ...(options.isolation === undefined ? [] : [`--isolation=${options.isolation}`]),
    ...secretArgs(options, job),
  ];
}
