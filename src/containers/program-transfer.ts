/** Images from and to registries, by an engine's command line, with what the settings say of the registry. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BoxkiteError } from "../domain/errors.ts";
import { parseImageReference } from "../images/reference.ts";
import type { Registries } from "../images/registry/registries.ts";
import { findFailure } from "../lib/failure-table.ts";
import type { CommandResult } from "./command.ts";
import { TRANSFER_FAILURES } from "./failures/transfer.ts";
import { type EngineProgram, lastLines, mustRunEngine, runEngine, type RunOptions } from "./program.ts";
import { removeImage } from "./program-images.ts";
import { type RegistryAccess, withRegistryAccess } from "./registry-access.ts";

export interface PushOptions extends RunOptions {
  /** A folder of this push alone. */
  readonly scratchDir: string;
}

/** Fetches an image into the engine. Throws IMAGE_*, REGISTRY_UNREACHABLE or ENGINE_FAILED. */
export async function pullImage(
  engine: EngineProgram,
  registries: Registries,
  reference: string,
  options: RunOptions = {},
): Promise<void> {
  await transfer(engine, registries, "pull", reference, (program, flags) =>
    runEngine(program, ["pull", ...flags, reference], options),
  );
}

/** Pushes an image of the engine under this name and returns the digest that the registry gave it. Throws as a pull. */
export async function pushImage(
  engine: EngineProgram,
  registries: Registries,
  imageId: string,
  reference: string,
  options: PushOptions,
): Promise<string> {
  return engine.name === "podman"
    ? await pushById(engine, registries, imageId, reference, options)
    : await pushByName(engine, registries, imageId, reference, options);
}

/** So that the image has its name only once the registry has the image. */
async function pushById(
  engine: EngineProgram,
  registries: Registries,
  imageId: string,
  reference: string,
  options: PushOptions,
): Promise<string> {
  const digestFile = join(options.scratchDir, "digest");
  await transfer(engine, registries, "push", reference, (program, flags) =>
    runEngine(
      program,
      ["push", "--digestfile", digestFile, ...flags, imageId, `docker://${reference}`],
      options,
    ),
  );
  return (await readFile(digestFile, "utf8")).trim();
}

/** Docker pushes names only. If the push fails the name goes again: nobody shall find half a result. */
async function pushByName(
  engine: EngineProgram,
  registries: Registries,
  imageId: string,
  reference: string,
  options: PushOptions,
): Promise<string> {
  await mustRunEngine(engine, ["tag", imageId, reference]);
  try {
    const result = await transfer(engine, registries, "push", reference, (program, flags) =>
      runEngine(program, ["push", ...flags, reference], options),
    );
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(result.stdout)?.[1];
    if (digest !== undefined) return digest;
    throw transferFailure(engine, "push", reference, result);
  } catch (error) {
    await removeImage(engine, reference);
    throw error;
  }
}

type Run = (engine: EngineProgram, flags: readonly string[]) => Promise<CommandResult>;

/** Tries once more where the engine's own storage was changed meanwhile. */
async function transfer(
  engine: EngineProgram,
  registries: Registries,
  verb: "pull" | "push",
  reference: string,
  run: Run,
): Promise<CommandResult> {
  return await withRegistryAccess(registries, reference, async (access) => {
    const program = withConfig(engine, access);
    const flags = flagsFor(engine, access);
    let result = await run(program, flags);
    if (result.exitCode !== 0 && meaning(engine, reference, result)?.retry === "now") {
      result = await run(program, flags);
    }
    if (result.exitCode !== 0) throw transferFailure(engine, verb, reference, result);
    return result;
  });
}

/**
 * Docker takes credentials from a folder that holds config.json. Plain HTTP and private authorities are for
 * its daemon to know, which no command can tell.
 */
function withConfig(engine: EngineProgram, { authFile }: RegistryAccess): EngineProgram {
  if (engine.name === "podman" || authFile === undefined) return engine;
  return { ...engine, globalArgs: ["--config", dirname(authFile), ...engine.globalArgs] };
}

function flagsFor({ name }: EngineProgram, { authFile, certificateDir, insecure }: RegistryAccess): string[] {
  if (name === "docker") return [];
  return [
    ...(authFile === undefined ? [] : ["--authfile", authFile]),
    ...(certificateDir === undefined ? [] : ["--cert-dir", certificateDir]),
    ...(insecure ? ["--tls-verify=false"] : []),
  ];
}

function transferFailure(
  engine: EngineProgram,
  verb: "pull" | "push",
  reference: string,
  result: CommandResult,
): BoxkiteError {
  const row = meaning(engine, reference, result);
  return new BoxkiteError(
    row?.code ?? "ENGINE_FAILED",
    `cannot ${verb} ${reference}: ${lastLines(saidBy(result), 2)}`,
    { hint: row?.hint?.(contextOf(engine, reference)) },
  );
}

function meaning(engine: EngineProgram, reference: string, result: CommandResult) {
  return findFailure(TRANSFER_FAILURES, { text: saidBy(result) }, contextOf(engine, reference));
}

function contextOf({ name, program }: EngineProgram, reference: string) {
  return { engine: name, program, host: parseImageReference(reference).host };
}

function saidBy({ stderr, stdout }: CommandResult): string {
  return stderr.trim() || stdout.trim();
}
