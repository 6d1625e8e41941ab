/** Where the image of a build is: in its registry, or by its name in the engine. */
import type { BuildRecord } from "../domain/build-record.ts";
import type { RegistryResolver } from "./base-image.ts";
import type { PushOptions } from "../containers/program-transfer.ts";
import type { ImageBuilder } from "./builder.ts";
import { type BuildTarget, formatTarget, targetRepository } from "./target.ts";

/** What of the record says where to find it. */
export type PublishedImage = Pick<BuildRecord, "reference" | "pushed" | "digest">;

/** Whether the image of a recorded build is still there. */
export async function imageExists(
  record: BuildRecord,
  builder: ImageBuilder,
  registry: RegistryResolver,
): Promise<boolean> {
  if (!record.pushed) return (await builder.inspect(record.reference)) !== undefined;
  try {
    return (await registry.resolve(record.reference)) !== undefined;
  } catch {
    // The registry is out of reach: the engine's own copy is what a run would use.
    return (await builder.inspect(record.imageId)) !== undefined;
  }
}

/** Pushes, or gives the image its name in the engine. Until then it has none, and nobody can find it. */
export async function publishImage(
  imageId: string,
  target: BuildTarget,
  builder: ImageBuilder,
  options: PushOptions,
): Promise<PublishedImage> {
  options.signal?.throwIfAborted();
  const name = formatTarget(target);
  if (target.registry !== undefined) {
    options.onLog?.(`Pushing ${name}`);
    const digest = await builder.push(imageId, name, options);
    // The engine keeps the image under its name: a task that starts here has no need to pull.
    await builder.tag(imageId, name);
    return { reference: `${targetRepository(target)}@${digest}`, pushed: true, digest };
  }
  await builder.tag(imageId, name);
  const image = await builder.inspect(name);
  const pinned = image?.digests.find((reference) => reference.startsWith(`${targetRepository(target)}@`));
  // An engine that has no digest for what it has not pushed knows it by its tag, which is a hash already.
  return pinned === undefined
    ? { reference: name, pushed: false, digest: image?.id ?? imageId }
    : { reference: pinned, pushed: false, digest: pinned.slice(pinned.indexOf("@") + 1) };
}
