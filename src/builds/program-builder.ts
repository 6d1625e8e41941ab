/** What the builders of Podman and Docker share: everything except the arguments of the build. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { runLogged } from "../containers/command.ts";
import type { EngineProgram, EngineProgramOptions } from "../containers/program.ts";
import {
  imageHistory,
  inspectImage,
  readFileOf,
  removeImage,
  runShellIn,
  tagImage,
} from "../containers/program-images.ts";
import { pullImage, pushImage } from "../containers/program-transfer.ts";
import { NO_REGISTRIES, type Registries } from "../images/registry/registries.ts";
import { type BuildEnvironment, builderEnv } from "./build-environment.ts";
import { BuildFailed, type BuildJob, type BuiltImage, type FailedAt, type ImageBuilder } from "./builder.ts";
import { CA_SECRET_ID } from "./run-instruction.ts";

export interface BuilderOptions extends EngineProgramOptions, BuildEnvironment {
  readonly registries?: Registries;
}

type ImageOperations = Pick<
  ImageBuilder,
  "pull" | "push" | "tag" | "inspect" | "remove" | "history" | "runShell" | "readFile"
>;

export function imageOperations(
  engine: EngineProgram,
  registries: Registries = NO_REGISTRIES,
): ImageOperations {
  return {
    pull: (reference, options) => pullImage(engine, registries, reference, options),
    push: (imageId, reference, options) => pushImage(engine, registries, imageId, reference, options),
    tag: (imageId, reference) => tagImage(engine, imageId, reference),
    inspect: (reference) => inspectImage(engine, reference),
    remove: (reference) => removeImage(engine, reference),
    history: (reference) => imageHistory(engine, reference),
    runShell: (imageId, args) => runShellIn(engine, imageId, args),
    readFile: (imageId, path) => readFileOf(engine, imageId, path),
  };
}

/** Reads a build's progress from the builder's output. */
export interface ProgressReader {
  /** Returns the line as it is shown, without our own scripts; undefined for one that is not. */
  push(line: string): string | undefined;
  /** Where the build failed, if it has. */
  at(): FailedAt | undefined;
  /** The output since the step began. */
  lines(): readonly string[];
}

/** The number of last lines that are kept of a step's output. */
export const KEPT_LINES = 200;

/** Runs the builder's program to its end. Throws BuildFailed. */
export async function runBuilder(
  engine: EngineProgram,
  { proxy }: BuildEnvironment,
  job: BuildJob,
  progress: ProgressReader,
  command: { readonly args: readonly string[]; readonly env?: NodeJS.ProcessEnv },
): Promise<BuiltImage> {
  const idFile = join(job.scratchDir, "image-id");
  const args = [
    ...engine.globalArgs,
    ...command.args,
    "--iidfile",
    idFile,
    ...(job.noCache ? ["--no-cache"] : []),
    "--file",
    job.containerfile,
    job.contextDir,
  ];
  const exitCode = await runLogged(engine.program, args, {
    env: { ...builderEnv(engine.env, proxy), ...command.env },
    logFile: join(job.scratchDir, "build.log"),
    signal: job.signal,
    onLine: (line) => {
      const shown = progress.push(line);
      if (shown !== undefined) job.onLog(shown);
    },
  });
  if (exitCode !== 0) throw new BuildFailed(exitCode, progress.at(), progress.lines());
  return { imageId: (await readFile(idFile, "utf8")).trim() };
}

/** `--secret` for those of the job, and for this machine's certificate authorities. */
export function secretArgs({ certificates }: BuildEnvironment, { secrets }: BuildJob): string[] {
  const all = [...secrets, ...(certificates === undefined ? [] : [{ id: CA_SECRET_ID, file: certificates }])];
  return all.flatMap(({ id, file }) => ["--secret", `id=${id},src=${file}`]);
}
