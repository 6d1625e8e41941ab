/** Operations on an engine's images, by its command line. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ImageLayer } from "../domain/build-record.ts";
import { decodeImage, type Raw } from "./decode.ts";
import { type EngineProgram, mustRunEngine, runEngine, runOnImage } from "./program.ts";
import type { EngineImage } from "./types.ts";

/** What the engine has under this name or id, without asking any registry. */
export async function inspectImage(
  engine: EngineProgram,
  reference: string,
): Promise<EngineImage | undefined> {
  const text = await runOnImage(engine, ["image", "inspect", reference]);
  if (text === undefined) return undefined;
  const [image] = JSON.parse(text) as [Raw];
  return decodeImage(image);
}

export async function tagImage(engine: EngineProgram, imageId: string, reference: string): Promise<void> {
  await mustRunEngine(engine, ["tag", imageId, reference]);
}

/** Removes the name, and with its last name the image. An absent one is no error. */
export async function removeImage(engine: EngineProgram, reference: string): Promise<void> {
  await runOnImage(engine, ["image", "rm", reference]);
}

/** The image's history, newest layer first. */
export async function imageHistory(engine: EngineProgram, reference: string): Promise<readonly ImageLayer[]> {
  const args = ["history", "--no-trunc", "--human=false", "--format"];
  if (engine.name === "podman") {
    const text = await mustRunEngine(engine, [...args, "json", reference]);
    const layers = JSON.parse(text) as { readonly CreatedBy: string; readonly size: number }[];
    return layers.map((layer) => ({ createdBy: layer.CreatedBy, sizeBytes: layer.size }));
  }
  const text = await mustRunEngine(engine, [...args, "{{.Size}}\t{{.CreatedBy}}", reference]);
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const [size = "0", ...createdBy] = line.split("\t");
    return { sizeBytes: Number(size) || 0, createdBy: createdBy.join("\t") };
  });
}

/** What /bin/sh writes with these arguments, as the image's user and without network; undefined where it cannot run. */
export async function runShellIn(
  engine: EngineProgram,
  imageId: string,
  args: readonly string[],
): Promise<string | undefined> {
  const result = await runEngine(engine, [
    "run",
    "--rm",
    "--pull=never",
    "--network=none",
    "--entrypoint=/bin/sh",
    imageId,
    ...args,
  ]);
  return result.exitCode === 0 ? result.stdout : undefined;
}

/** A small text file of the image; undefined where there is none. */
export async function readFileOf(
  engine: EngineProgram,
  imageId: string,
  path: string,
): Promise<string | undefined> {
  // Creating a container requires a command; this one is never started.
  const container = (await mustRunEngine(engine, ["create", "--pull=never", imageId, "boxkite"])).trim();
  const folder = await mkdtemp(join(tmpdir(), "boxkite-file-"));
  try {
    const result = await runEngine(engine, ["cp", `${container}:${path}`, join(folder, "file")]);
    return result.exitCode === 0 ? await readFile(join(folder, "file"), "utf8") : undefined;
  } finally {
    await runEngine(engine, ["rm", container]);
    await rm(folder, { recursive: true, force: true });
  }
}
