/** What a run and a deployment have in common: images, code bundle, version. */
import { collectAll, collectModules, packBundle, type CodeBundle } from "./bundle.ts";
import { requireTarget, type InitializedConfig } from "./config.ts";
import { controlPlaneOf } from "./control-plane.ts";
import { encodeImageCache } from "./image-cache.ts";
import { definitionOf } from "./task.ts";
import { environmentClosure, type TaskEnvironment } from "./task-environment.ts";
import type { SpecSettings } from "./task-spec.ts";
import { BoxkiteError } from "../domain/errors.ts";

export interface PrepareOptions {
  readonly copyStyle?: "none" | "loaded_modules" | "all";
  readonly version?: string;
  readonly project?: string;
  readonly domain?: string;
}

export async function prepare(
  environments: readonly TaskEnvironment[],
  options: PrepareOptions,
  config: InitializedConfig,
): Promise<SpecSettings> {
  const target = requireTarget({
    ...config,
    project: options.project ?? config.project,
    domain: options.domain ?? config.domain,
  });
  const closure = environmentClosure(environments);
  const copyStyle = options.copyStyle ?? "loaded_modules";
  if (copyStyle === "none" && options.version === undefined) {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      'copyStyle "none" sends no code, so nothing says which version this is',
      {
        hint: "pass version: the tag of your images, for example",
      },
    );
  }
  const { resolveImages } = await import("./image-resolve.ts");
  const baked =
    copyStyle === "none"
      ? (): readonly string[] => filesOf(closure, "loaded_modules", config.rootDir)
      : undefined;
  const images = await resolveImages(closure, config, target, baked);
  const bundle =
    copyStyle === "none"
      ? undefined
      : await packBundle(config.rootDir, filesOf(closure, copyStyle, config.rootDir));
  return {
    org: config.org,
    project: target.project,
    domain: target.domain,
    version: options.version ?? bundle?.version ?? "",
    images,
    imageCache: encodeImageCache(images),
    bundle:
      bundle === undefined ? undefined : { uri: await upload(bundle, config, target), destination: "." },
    rootDir: config.rootDir,
  };
}

function filesOf(
  environments: readonly TaskEnvironment[],
  copyStyle: "loaded_modules" | "all",
  rootDir: string,
): readonly string[] {
  if (copyStyle === "all") return collectAll(rootDir);
  const modules = environments.flatMap((environment) =>
    environment.tasks.map((task) => definitionOf(task).modulePath),
  );
  const include = environments.flatMap((environment) => environment.include);
  return collectModules(rootDir, modules, include);
}

async function upload(
  bundle: CodeBundle,
  config: InitializedConfig,
  target: { readonly project: string; readonly domain: string },
): Promise<string> {
  const { uploadFile } = await import("../client/upload.ts");
  const controlPlane = await controlPlaneOf(config);
  const where = { org: config.org, project: target.project, domain: target.domain };
  return (await uploadFile(controlPlane, where, bundle.filename, bundle.content)).uri;
}
