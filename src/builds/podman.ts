/** Builds with the podman command line, which is Buildah inside. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ImageLayer } from "../domain/build-record.ts";
import { NO_REGISTRIES, type Registries } from "../images/registry/registries.ts";
import {
  BuildFailed,
  type BuildJob,
  type BuiltImage,
  type ImageBuilder,
  type PushOptions,
  type TransferOptions,
} from "./builder.ts";
import {
  buildEnv,
  type CliEngine,
  engineCommand,
  type OrchestratorOptions,
  inspectImage,
  mustRun,
  readFileOf,
  removeImage,
  runScriptIn,
  transferFailure,
} from "./cli-engine.ts";
import { runLogged } from "../containers/command.ts";
import { CA_SECRET_ID } from "./containerfile.ts";
import { type RegistryAccess, withRegistryAccess } from "../containers/registry-access.ts";

export interface PodmanOptions extends OrchestratorOptions {
  /** `--isolation` of build steps. Without it Podman decides, or BUILDAH_ISOLATION of the environment does. */
  readonly isolation?: "chroot" | "oci" | "rootless" | undefined;
}

export async function createPodmanBuilder(options: PodmanOptions = {}): Promise<ImageBuilder> {
  const engine: CliEngine = {
    name: "podman",
    program: options.program ?? "podman",
    globalArgs: options.globalArgs ?? [],
    env: options.env ?? process.env,
  };
  const registries = options.registries ?? NO_REGISTRIES;
  const info = await mustRun(engine, ["info", "--format", "{{.Version.Version}} {{.Host.Arch}}"]);
  const [version = "", architecture = ""] = info.trim().split(" ");
  return {
    description: `podman ${version}`,
    mounts: true,
    fromId: true,
    certificates: options.certificates !== undefined,
    architecture,
    build: (job) => build(engine, options, job),
    pull: (reference, transfer) => pullWithPodman(engine, registries, reference, transfer),
    push: (imageId, reference, transfer) => push(engine, registries, imageId, reference, transfer),
    tag: async (imageId, reference) => void (await mustRun(engine, ["tag", imageId, reference])),
    inspect: (reference) => inspectImage(engine, reference),
    remove: (reference) => removeImage(engine, reference),
    history: (reference) => imageHistory(engine, reference),
    runScript: (imageId, script) => runScriptIn(engine, imageId, script),
    readFile: (imageId, path) => readFileOf(engine, imageId, path),
  };
}

async function build(engine: CliEngine, options: PodmanOptions, job: BuildJob): Promise<BuiltImage> {
  const idFile = join(job.scratchDir, "image-id");
  const tail = new StepTail();
  const secrets = [
    ...job.secrets,
    ...(options.certificates === undefined ? [] : [{ id: CA_SECRET_ID, file: options.certificates }]),
  ];
  const exitCode = await runLogged(
    engine.program,
    [
      ...engine.globalArgs,
      "build",
      "--pull=never",
      // Docker's format keeps what OCI's has no place for: the SHELL and HEALTHCHECK of a base.
      "--format=docker",
      "--layers",
      "--force-rm",
      "--iidfile",
      idFile,
      ...(options.isolation === undefined ? [] : [`--isolation=${options.isolation}`]),
      ...(job.noCache ? ["--no-cache"] : []),
      ...secrets.flatMap(({ id, file }) => ["--secret", `id=${id},src=${file}`]),
      "--file",
      job.containerfile,
      job.contextDir,
    ],
    {
      // Podman hands the proxy variables of its own environment to the steps, and keeps them out of the image.
      env: buildEnv(engine, options.proxy ?? {}),
      logFile: join(job.scratchDir, "build.log"),
      signal: job.signal,
      onLine: (line) => {
        tail.push(line);
        job.onLog(line);
      },
    },
  );
  if (exitCode !== 0) throw new BuildFailed(exitCode, tail.at(), tail.lines());
  return { imageId: (await readFile(idFile, "utf8")).trim() };
}

/** Keeps the number of the step that runs, and what it said last. */
class StepTail {
  #step: number | undefined;
  #lines: string[] = [];

  push(line: string): void {
    const step = /^STEP (\d+)\/\d+: /.exec(line);
    if (step !== null) {
      this.#step = Number(step[1]) - 1;
      this.#lines = [];
    } else {
      this.#lines.push(line);
      if (this.#lines.length > 200) this.#lines.shift();
    }
  }

  at(): { step: number } | undefined {
    return this.#step === undefined ? undefined : { step: this.#step };
  }

  lines(): readonly string[] {
    return this.#lines;
  }
}

export async function pullWithPodman(
  engine: CliEngine,
  registries: Registries,
  reference: string,
  transfer: TransferOptions,
): Promise<void> {
  await withRegistryAccess(registries, reference, async (access) => {
    const result = await engineCommand(engine, ["pull", ...accessArgs(access), reference], transfer);
    if (result.exitCode !== 0) throw transferFailure(engine, "pull", reference, result);
  });
}

/** By id, so that the image has its name only once the registry has the image. */
async function push(
  engine: CliEngine,
  registries: Registries,
  imageId: string,
  reference: string,
  transfer: PushOptions,
): Promise<string> {
  const digestFile = join(transfer.scratchDir, "digest");
  const result = await withRegistryAccess(registries, reference, (access) => {
    const args = ["push", "--digestfile", digestFile, ...accessArgs(access)];
    return engineCommand(engine, [...args, imageId, `docker://${reference}`], transfer);
  });
  if (result.exitCode !== 0) throw transferFailure(engine, "push", reference, result);
  return (await readFile(digestFile, "utf8")).trim();
}

async function imageHistory(engine: CliEngine, reference: string): Promise<readonly ImageLayer[]> {
  const text = await mustRun(engine, ["history", "--no-trunc", "--human=false", "--format=json", reference]);
  const layers = JSON.parse(text) as { readonly CreatedBy: string; readonly size: number }[];
  return layers.map((layer) => ({ createdBy: layer.CreatedBy, sizeBytes: layer.size }));
}

function accessArgs({ authFile, certificateDir, insecure }: RegistryAccess): string[] {
  return [
    ...(authFile === undefined ? [] : ["--authfile", authFile]),
    ...(certificateDir === undefined ? [] : ["--cert-dir", certificateDir]),
    ...(insecure ? ["--tls-verify=false"] : []),
  ];
}
