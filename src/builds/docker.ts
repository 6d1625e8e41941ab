/**
 * Builds with the docker command line: with BuildKit where the client has it, with the classic builder
 * where it has not. The classic one knows no `RUN --mount`; the renderer refuses what needs it. BuildKit takes
 * an image's id for the name of one in a registry.
 */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ImageLayer } from "../domain/build-record.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { NO_REGISTRIES } from "../images/registry/registries.ts";
import { BuildFailed, type BuildJob, type BuiltImage, type ImageBuilder } from "./builder.ts";
import {
  buildEnv,
  type CliEngine,
  engineCommand,
  type OrchestratorOptions,
  inspectImage,
  lastLines,
  mustRun,
  readFileOf,
  removeImage,
  runScriptIn,
  transferFailure,
} from "./cli-engine.ts";
import { runLogged } from "../containers/command.ts";
import { CA_SECRET_ID } from "./containerfile.ts";
import { DockerLog } from "./docker-log.ts";
import { type RegistryAccess, withRegistryAccess } from "../containers/registry-access.ts";

type Flavour = "buildx" | "buildkit" | "classic";

export async function createDockerBuilder(options: OrchestratorOptions = {}): Promise<ImageBuilder> {
  const engine: CliEngine = {
    name: "docker",
    program: options.program ?? "docker",
    globalArgs: options.globalArgs ?? [],
    env: options.env ?? process.env,
  };
  const registries = options.registries ?? NO_REGISTRIES;
  const format = "{{.Client.Version}} {{.Server.Version}} {{.Server.Arch}}";
  const version = await engineCommand(engine, ["version", "--format", format]);
  if (version.exitCode !== 0) {
    throw new BoxkiteError("ENGINE_UNREACHABLE", `docker has no engine: ${lastLines(version.stderr, 1)}`, {
      hint: "Start the Docker engine, or set DOCKER_HOST; this must work: docker info",
    });
  }
  const [client = "", server = "", architecture = ""] = version.stdout.trim().split(" ");
  const flavour = await probeFlavour(engine, client);
  return {
    description: `docker ${server} (${flavour})`,
    mounts: flavour !== "classic",
    fromId: flavour === "classic",
    certificates: flavour !== "classic" && options.certificates !== undefined,
    architecture,
    build: (job) => build(engine, options, flavour, job),
    pull: async (reference, transfer) => {
      const result = await withRegistryAccess(registries, reference, (access) =>
        engineCommand(authorised(engine, access), ["pull", reference], transfer),
      );
      if (result.exitCode !== 0) throw transferFailure(engine, "pull", reference, result);
    },
    push: async (imageId, reference, transfer) => {
      // Docker pushes names only. If the push fails the name goes again: nobody shall find half a result.
      await mustRun(engine, ["tag", imageId, reference]);
      try {
        const result = await withRegistryAccess(registries, reference, (access) =>
          engineCommand(authorised(engine, access), ["push", reference], transfer),
        );
        const digest = /digest: (sha256:[0-9a-f]{64})/.exec(result.stdout)?.[1];
        if (result.exitCode === 0 && digest !== undefined) return digest;
        throw transferFailure(engine, "push", reference, result);
      } catch (error) {
        await removeImage(engine, reference);
        throw error;
      }
    },
    tag: async (imageId, reference) => void (await mustRun(engine, ["tag", imageId, reference])),
    inspect: (reference) => inspectImage(engine, reference),
    remove: (reference) => removeImage(engine, reference),
    history: (reference) => imageHistory(engine, reference),
    runScript: (imageId, script) => runScriptIn(engine, imageId, script),
    readFile: (imageId, path) => readFileOf(engine, imageId, path),
  };
}

/**
 * Since 23 the client's BuildKit is the buildx plug-in; before that it was built in. The variable turns it off,
 * as it does for `docker build`.
 */
async function probeFlavour(engine: CliEngine, client: string): Promise<Flavour> {
  if (engine.env["DOCKER_BUILDKIT"] === "0") return "classic";
  const buildx = await engineCommand(engine, ["buildx", "version"]);
  if (buildx.exitCode === 0) return "buildx";
  return Number.parseInt(client, 10) < 23 ? "buildkit" : "classic";
}

async function build(
  engine: CliEngine,
  options: OrchestratorOptions,
  flavour: Flavour,
  job: BuildJob,
): Promise<BuiltImage> {
  const idFile = join(job.scratchDir, "image-id");
  const log = new DockerLog();
  const proxy = options.proxy ?? {};
  const secrets = [
    ...job.secrets,
    ...(options.certificates === undefined ? [] : [{ id: CA_SECRET_ID, file: options.certificates }]),
  ];
  const exitCode = await runLogged(
    engine.program,
    [
      ...engine.globalArgs,
      // The builder named default is the engine's own: it sees the images that the engine has.
      ...(flavour === "buildx" ? ["buildx", "build", "--builder=default", "--load"] : ["build"]),
      ...(flavour === "classic" ? ["--force-rm"] : ["--progress=plain"]),
      "--iidfile",
      idFile,
      ...(job.noCache ? ["--no-cache"] : []),
      ...(flavour === "classic"
        ? []
        : secrets.flatMap(({ id, file }) => ["--secret", `id=${id},src=${file}`])),
      // Without a value: it is read from the environment, and is on no command line.
      ...Object.keys(proxy).flatMap((name) => ["--build-arg", name]),
      "--file",
      job.containerfile,
      job.contextDir,
    ],
    {
      env: { ...buildEnv(engine, proxy), DOCKER_BUILDKIT: flavour === "classic" ? "0" : "1" },
      logFile: join(job.scratchDir, "build.log"),
      signal: job.signal,
      onLine: (line) => {
        log.push(line);
        job.onLog(line);
      },
    },
  );
  if (exitCode !== 0) throw new BuildFailed(exitCode, log.at(), log.lines());
  return { imageId: (await readFile(idFile, "utf8")).trim() };
}

async function imageHistory(engine: CliEngine, reference: string): Promise<readonly ImageLayer[]> {
  const format = "{{.Size}}\t{{.CreatedBy}}";
  const args = ["history", "--no-trunc", "--human=false", "--format", format, reference];
  const lines = (await mustRun(engine, args)).split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const [size = "0", ...createdBy] = line.split("\t");
    return { sizeBytes: Number(size) || 0, createdBy: createdBy.join("\t") };
  });
}

/**
 * Docker takes credentials from a folder that holds config.json. Plain HTTP and private authorities are for
 * its daemon to know, which no command can tell.
 */
function authorised(engine: CliEngine, { authFile }: RegistryAccess): CliEngine {
  if (authFile === undefined) return engine;
  return { ...engine, globalArgs: ["--config", dirname(authFile), ...engine.globalArgs] };
}
