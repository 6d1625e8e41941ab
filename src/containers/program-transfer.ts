/** Pulls and pushes images by an engine's command line, with the settings of the registry. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BoxkiteError } from "../domain/errors.ts";
import { parseImageReference } from "../images/reference.ts";
import type { Registries } from "../images/registry/registries.ts";
import { findFailure } from "../lib/failure-table.ts";
import type { CommandResult } from "./command.ts";
import { TRANSFER_FAILURES } from "./failures/transfer.ts";
import { type EngineProgram, lastLines, mustRunEngine, runEngine, type EngineRunOptions } from "./program.ts";
import { removeImage } from "./program-images.ts";
import { retryIfStorageChanged } from "./storage-retry.ts";
import { type RegistryAccess, withRegistryAccess } from "./registry-access.ts";

export interface PushOptions extends EngineRunOptions {
  /** A folder for this push only. */
  readonly scratchDir: string;
}

/** Fetches an image into the engine. Throws IMAGE_*, REGISTRY_UNREACHABLE or ENGINE_FAILED. */
export async function pullImage(
  engine: EngineProgram,
  registries: Registries,
  reference: string,
  options: EngineRunOptions = {},
): Promise<void> {
  await run({ engine, registries, verb: "pull", reference, options }, [reference]);
}

/** Pushes an image of the engine under this name; returns the registry's digest of it. Throws like a pull. */
export async function pushImage(
  engine: EngineProgram,
  registries: Registries,
  imageId: string,
  reference: string,
  options: PushOptions,
): Promise<string> {
  const push: Transfer = { engine, registries, verb: "push", reference, options };
  return engine.name === "podman"
    ? await pushById(push, imageId, options.scratchDir)
    : await pushByName(push, imageId);
}

interface Transfer {
  readonly engine: EngineProgram;
  readonly registries: Registries;
  readonly verb: "pull" | "push";
  readonly reference: string;
  readonly options: EngineRunOptions;
}

/** By id, so that the image gets its name only after the registry has the image. */
async function pushById(push: Transfer, imageId: string, scratchDir: string): Promise<string> {
  const digestFile = join(scratchDir, "digest");
  await run(push, ["--digestfile", digestFile, imageId, `docker://${push.reference}`]);
  return (await readFile(digestFile, "utf8")).trim();
}

/** Docker pushes by name only. If the push fails the name is removed, so that nobody finds the image. */
async function pushByName(push: Transfer, imageId: string): Promise<string> {
  const { engine, reference } = push;
  await mustRunEngine(engine, ["tag", imageId, reference]);
  try {
    const result = await run(push, [reference]);
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(result.stdout)?.[1];
    if (digest !== undefined) return digest;
    throw transferFailure(push, result);
  } catch (error) {
    await removeImage(engine, reference);
    throw error;
  }
}

/** Runs the command with these arguments, again if the engine's storage was changed during it. */
async function run(transfer: Transfer, words: readonly string[]): Promise<CommandResult> {
  const { engine, registries, verb, reference, options } = transfer;
  return await withRegistryAccess(registries, reference, async (access) => {
    const program = withConfig(engine, access);
    const args = [verb, ...flagsFor(engine, access), ...words];
    return await retryIfStorageChanged(
      async () => {
        const result = await runEngine(program, args, options);
        if (result.exitCode !== 0) throw transferFailure(transfer, result);
        return result;
      },
      { signal: options.signal },
    );
  });
}

/**
 * Docker reads credentials from a folder with config.json. Plain HTTP and private authorities are settings of
 * its daemon, which no command line can set.
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

function transferFailure(transfer: Transfer, result: CommandResult): BoxkiteError {
  const { verb, reference } = transfer;
  const context = contextOf(transfer);
  const row = findFailure(TRANSFER_FAILURES, { text: outputOf(result) }, context);
  return new BoxkiteError(
    row?.code ?? "ENGINE_FAILED",
    `cannot ${verb} ${reference}: ${lastLines(outputOf(result), 2)}`,
    { hint: row?.hint?.(context), recoverable: row?.kind !== "user" && row?.retry !== "never" },
  );
}

function contextOf({ engine: { name, program }, reference }: Transfer) {
  return { engine: name, program, host: parseImageReference(reference).host };
}

function outputOf({ stderr, stdout }: CommandResult): string {
  return stderr.trim() || stdout.trim();
}
