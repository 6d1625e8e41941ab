/** Resolves the image of every environment: as given, by its name in the configuration, or built. */
import { join } from "node:path";
import type { InitializedConfig } from "../authoring/config.ts";
import { Image } from "../authoring/image.ts";
import type { TaskEnvironment } from "../authoring/task-environment.ts";
import { BoxkiteError, messageOf } from "../../domain/errors.ts";

export interface BuildTarget {
  readonly project: string;
  readonly domain: string;
}

/** `bakedFiles` lists the code for images that contain it; undefined where a code bundle has it. */
export async function resolveImages(
  environments: readonly TaskEnvironment[],
  config: InitializedConfig,
  target: BuildTarget,
  bakedFiles: (() => readonly string[]) | undefined,
): Promise<Record<string, string>> {
  // Environments that share an image share its build.
  const builds = new Map<string, Promise<string>>();
  const entries = environments.map(async (environment): Promise<[string, string]> => {
    if (typeof environment.image === "string") return [environment.name, environment.image];
    // Tasks that run as processes on the server's machine need no image, but a task specification must name one.
    if (config.imageBuilder === "none") return [environment.name, `localhost/${environment.name}:none`];
    const declared = environment.image ?? projectImage(environment, config.rootDir);
    const files = bakedFiles?.().map((file) => ({ from: join(config.rootDir, file), to: folderOf(file) }));
    const image = withResolvedBase(declared.withBakedCode(files), environment, config);
    if (!image.needsBuild) return [environment.name, image.base ?? ""];
    let build = builds.get(image.target);
    if (build === undefined) {
      const { buildImage } = await import("./image-build.ts");
      build = buildImage(image, config, target);
      builds.set(image.target, build);
    }
    return [environment.name, await build];
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** The default image: Node, with the packages of the author's project. */
function projectImage(environment: TaskEnvironment, rootDir: string): Image {
  try {
    return Image.fromDebianBase()
      .withWorkdir("/app")
      .withNodeProject({ directory: rootDir })
      .withEnvVars({ PATH: "/app/node_modules/.bin:$PATH" })
      .withCodeBundle();
  } catch (cause) {
    throw new BoxkiteError(
      "IMAGE_NOT_FOUND",
      `the environment ${environment.name} names no image, and none can be made of the project in ${rootDir}`,
      { hint: `name one: new TaskEnvironment({ image: … }); or: ${messageOf(cause)}`, cause },
    );
  }
}

function folderOf(file: string): string {
  const slash = file.lastIndexOf("/");
  return slash < 0 ? "./" : `./${file.slice(0, slash)}/`;
}

function withResolvedBase(image: Image, environment: TaskEnvironment, config: InitializedConfig): Image {
  if (image.refName === undefined) return image;
  const reference = config.imageRefs[image.refName];
  if (reference === undefined) {
    throw new BoxkiteError(
      "IMAGE_NOT_FOUND",
      `the environment ${environment.name} wants the image named ${image.refName}, which is not known`,
      {
        hint: `pass initFromConfig({ images: { ${JSON.stringify(image.refName)}: "registry/image:tag" } })`,
      },
    );
  }
  return image.layers.length === 0 ? Image.fromBase(reference) : image.withBase(reference);
}
