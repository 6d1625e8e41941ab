/**
 * Builds with the docker command line: with BuildKit if the client has it, otherwise with the classic builder,
 * which does not support `RUN --mount`; the renderer refuses what needs it. BuildKit does not support image ids
 * in FROM: it takes one for the name of an image in a registry.
 */
import { BoxkiteError } from "../domain/errors.ts";
import { type EngineProgram, engineProgram, lastLines, runEngine } from "../containers/program.ts";
import type { BuildJob, ImageBuilder } from "./builder.ts";
import { DockerProgress } from "./docker-progress.ts";
import { type BuilderOptions, imageOperations, runBuilder, secretArgs } from "./program-builder.ts";

type Flavour = "buildx" | "buildkit" | "classic";

export async function createDockerBuilder(options: BuilderOptions = {}): Promise<ImageBuilder> {
  const engine = engineProgram("docker", options);
  const format = "{{.Client.Version}} {{.Server.Version}} {{.Server.Arch}}";
  const version = await runEngine(engine, ["version", "--format", format]);
  if (version.exitCode !== 0) {
    throw new BoxkiteError("ENGINE_UNREACHABLE", `docker has no engine: ${lastLines(version.stderr, 1)}`, {
      hint: "Start the Docker engine, or set DOCKER_HOST; this must work: docker info",
    });
  }
  const [client = "", server = "", architecture = ""] = version.stdout.trim().split(" ");
  const flavour = await findFlavour(engine, client);
  return {
    description: `docker ${server} (${flavour})`,
    mounts: flavour !== "classic",
    fromId: flavour === "classic",
    certificates: flavour !== "classic" && options.certificates !== undefined,
    architecture,
    build: (job) =>
      runBuilder(engine, options, job, new DockerProgress(job.steps), {
        args: buildArgs(flavour, options, job),
        env: { DOCKER_BUILDKIT: flavour === "classic" ? "0" : "1" },
      }),
    ...imageOperations(engine, options.registries),
  };
}

/**
 * Since 23 the client's BuildKit is the buildx plug-in; before that it was built in. The variable turns it off,
 * as it does for `docker build`.
 */
async function findFlavour(engine: EngineProgram, client: string): Promise<Flavour> {
  if (engine.env["DOCKER_BUILDKIT"] === "0") return "classic";
  const buildx = await runEngine(engine, ["buildx", "version"]);
  if (buildx.exitCode === 0) return "buildx";
  return Number.parseInt(client, 10) < 23 ? "buildkit" : "classic";
}

function buildArgs(flavour: Flavour, options: BuilderOptions, job: BuildJob): string[] {
  return [
    // The builder named default is the engine's own: it has access to the engine's images.
    ...(flavour === "buildx" ? ["buildx", "build", "--builder=default", "--load"] : ["build"]),
    ...(flavour === "classic" ? ["--force-rm"] : ["--progress=plain", ...secretArgs(options, job)]),
    // Without a value, which is read from the environment, so that it is on no command line.
    ...Object.keys(options.proxy ?? {}).flatMap((name) => ["--build-arg", name]),
  ];
}
