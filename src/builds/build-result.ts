/** Publishes the image of a build in its registry, or under its name in the engine, and finds it again. */
import type { BuildRecord } from "../domain/build-record.ts";
import type { RegistryResolver } from "./base-image.ts";
import type { ImageBuilder, PublishOptions } from "./builder.ts";
import { type BuildTarget, formatTarget, targetRepository } from "./target.ts";

/** The fields of a record that locate the image. */
export type PublishedImage = Pick<BuildRecord, "reference" | "pushed" | "digest">;

/** Whether the image of a recorded build still exists. */
export async function imageExists(
  record: BuildRecord,
  builder: ImageBuilder,
  registry: RegistryResolver,
  isTrusted: boolean,
): Promise<boolean> {
  if (!record.pushed) return (await builder.inspect(record.reference)) !== undefined;
  try {
    return (await registry.resolve(record.reference, isTrusted)) !== undefined;
  } catch {
    // The registry is unreachable: a run would use the engine's own copy.
    return (await builder.inspect(record.imageId)) !== undefined;
  }
}

/** Pushes the image, or tags it in the engine. Until then it has no name, so nobody can find it. */
export async function publishImage(
  imageId: string,
  target: BuildTarget,
  builder: ImageBuilder,
  options: PublishOptions,
): Promise<PublishedImage> {
  options.signal?.throwIfAborted();
  const name = formatTarget(target);
  if (target.registry !== undefined) {
    options.onLog?.(`Pushing ${name}`);
    const digest = await builder.push(imageId, name, options);
    // The engine keeps the image under its name, so a task on this machine need not pull it.
    await builder.tag(imageId, name);
    return { reference: `${targetRepository(target)}@${digest}`, pushed: true, digest };
  }
  await builder.tag(imageId, name);
  const image = await builder.inspect(name);
  const pinned = image?.digests.find((reference) => reference.startsWith(`${targetRepository(target)}@`));
  // Engines that have no digest for an image that was not pushed know it by its tag, which is a hash, too.
  return pinned === undefined
    ? { reference: name, pushed: false, digest: image?.id ?? imageId }
    : { reference: pinned, pushed: false, digest: pinned.slice(pinned.indexOf("@") + 1) };
}
