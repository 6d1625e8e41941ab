/** Prepares a run or a deployment: images, code bundle, version. */
import type { CodeBundle } from "./bundle.ts";
import { targetOfRun, type InitializedConfig, type RunScope } from "../authoring/config.ts";
import type { DeployOptions } from "../authoring/deploy.ts";
import { controlPlaneOf } from "./control-plane.ts";
import { encodeImageCache } from "../authoring/image-cache.ts";
import { environmentClosure, needsImage, type TaskEnvironment } from "../authoring/task-environment.ts";
import type { SpecSettings } from "../authoring/task-spec.ts";
import { BoxkiteError } from "../../domain/errors.ts";

export async function prepare(
  environments: readonly TaskEnvironment[],
  options: DeployOptions,
  config: InitializedConfig,
): Promise<SpecSettings> {
  const target = targetOfRun(config, options);
  if (config.parentRun !== undefined) return settingsInside(config.parentRun.settings, options, target);
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
  const [{ resolveImages }, { codeFilesOf }, { packBundle }, { readSourceLinks }] = await Promise.all([
    import("./image-resolve.ts"),
    import("./code-files.ts"),
    import("./bundle.ts"),
    import("./source-links.ts"),
  ]);
  const links = readSourceLinks(config.rootDir);
  const baked =
    copyStyle === "none"
      ? (): readonly string[] => codeFilesOf(closure, "loaded_modules", config.rootDir)
      : undefined;
  const images = await resolveImages(closure.filter(needsImage), config, target, baked);
  const bundle =
    copyStyle === "none"
      ? undefined
      : await packBundle(config.rootDir, codeFilesOf(closure, copyStyle, config.rootDir));
  return {
    ...target,
    version: options.version ?? bundle?.version ?? "",
    images,
    imageCache: encodeImageCache(images),
    bundle:
      bundle === undefined ? undefined : { uri: await upload(bundle, config, target), destination: "." },
    rootDir: config.rootDir,
    sourceUrlOf: await links,
  };
}

/** Inside a task the run has the images and the code of that task. */
function settingsInside(settings: SpecSettings, options: DeployOptions, target: RunScope): SpecSettings {
  if (options.copyStyle !== undefined) {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `copyStyle ${JSON.stringify(options.copyStyle)} inside a task: a run that a task starts has the code of that task`,
      { hint: "leave copyStyle out" },
    );
  }
  return { ...settings, ...target, version: options.version ?? settings.version };
}

async function upload(bundle: CodeBundle, config: InitializedConfig, target: RunScope): Promise<string> {
  const { uploadFile } = await import("../../client/upload.ts");
  const controlPlane = await controlPlaneOf(config);
  return (await uploadFile(controlPlane, target, bundle.filename, bundle.content)).uri;
}
