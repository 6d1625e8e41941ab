/** Builds with docker or podman on this machine (`image.builder: local`, `local-podman`). */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { engineMissing, failedLocally, logOf, type Engine } from "./build-failure.ts";
import { containerfile } from "./containerfile.ts";
import type { InitializedConfig } from "../authoring/config.ts";
import type { Image } from "../authoring/image.ts";
import { ImageBuildError } from "../authoring/image-build-error.ts";

const MAX_OUTPUT_BYTES = 64 << 20;

const run = promisify(execFile);

const ENGINES = ["docker", "podman"] as const;

/** The first that answers. Python's configuration says `local` on every machine, also where only Podman is. */
export async function findEngine(): Promise<Engine> {
  for (const engine of ENGINES) {
    const answers = await run(engine, ["version"]).then(
      () => true,
      () => false,
    );
    if (answers) return engine;
  }
  throw engineMissing("a working docker or podman");
}

export async function buildLocally(image: Image, config: InitializedConfig, engine: Engine): Promise<string> {
  const registry = image.registry ?? config.imageRegistry;
  // Without a registry the image stays in the engine, which names such images localhost/….
  const tagged = image.clone({ registry: registry ?? "localhost" });
  const { target } = tagged;
  const exists = await run(engine, ["image", "inspect", target]).then(
    () => true,
    () => false,
  );
  if (!exists) {
    const scratch = mkdtempSync(join(tmpdir(), "boxkite-image-"));
    try {
      const folder = image.dockerfile === undefined ? scratch : dirname(image.dockerfile);
      const file = image.dockerfile ?? join(scratch, "Dockerfile");
      if (image.dockerfile === undefined) writeFileSync(file, containerfile(image, scratch));
      const parameters = ["build", "--file", file, "--tag", target, ...platformOptions(image), folder];
      await run(engine, parameters, { maxBuffer: MAX_OUTPUT_BYTES }).catch((cause: unknown) => {
        throw failedLocally(target, engine, cause);
      });
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  if (registry !== undefined) await push(engine, target);
  return target;
}

async function push(engine: Engine, target: string): Promise<void> {
  await run(engine, ["push", target], { maxBuffer: MAX_OUTPUT_BYTES }).catch((cause: unknown) => {
    throw new ImageBuildError(target, `${engine} could not push ${target}`, { log: logOf(cause), cause });
  });
}

function platformOptions(image: Image): string[] {
  return image.platforms.length === 0 ? [] : ["--platform", image.platforms.join(",")];
}
