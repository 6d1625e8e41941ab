/** The configuration of this process: the server, project and domain of the runs that it starts. */
import { resolve } from "node:path";
import { BoxkiteError } from "../../domain/errors.ts";
import type { ClientConfig } from "../../client/config-file.ts";
import type { RunSettings } from "./run.ts";
import { sharedState } from "./state.ts";
import type { SpecSettings } from "./task-spec.ts";

export interface InitOptions {
  /** The configuration file. @default the first that exists of those that the Python SDK searches */
  readonly config?: string;
  readonly project?: string;
  readonly domain?: string;
  readonly org?: string;
  readonly endpoint?: string;
  /** Plain HTTP. @default what the file says */
  readonly insecure?: boolean;
  /** Images for `Image.fromRefName`, by name. */
  readonly images?: Readonly<Record<string, string>>;
  /**
   * The server's builder, or docker or podman on this machine; "none" where tasks run as processes, without images.
   * @default what the file says, else "remote"
   */
  readonly imageBuilder?: "remote" | "local" | "local-podman" | "none";
  /** Module paths and code bundles are relative to it. @default the working directory */
  readonly rootDir?: string;
}

export interface InitializedConfig extends ClientConfig {
  readonly rootDir: string;
  /** Inside a task: its run and the settings of that run, which also apply to runs that the task starts. */
  readonly parentRun?: { readonly run: string; readonly settings: SpecSettings };
}

/**
 * Reads the configuration file and applies the overrides; opens no connection. Without an endpoint in the
 * file or in the environment, runs are local.
 */
export async function initFromConfig(options: InitOptions = {}): Promise<void> {
  refuseInContainer("initFromConfig");
  const { findConfigFile } = await import("../../client/config-file.ts");
  await configure(
    options.config === undefined ? findConfigFile(process.cwd(), process.env) : resolve(options.config),
    options,
  );
}

/** The same without a configuration file: only the options and the environment count. */
export async function init(
  options: Omit<InitOptions, "config"> & { readonly endpoint: string },
): Promise<void> {
  refuseInContainer("init");
  await configure(undefined, options);
}

async function configure(path: string | undefined, options: InitOptions): Promise<void> {
  const { loadConfig } = await import("../../client/config-file.ts");
  const loaded = await loadConfig(path, process.env);
  sharedState().config = {
    ...loaded,
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.insecure === undefined ? {} : { insecure: options.insecure }),
    ...(options.project === undefined ? {} : { project: options.project }),
    ...(options.domain === undefined ? {} : { domain: options.domain }),
    ...(options.org === undefined ? {} : { org: options.org }),
    ...(options.imageBuilder === undefined ? {} : { imageBuilder: options.imageBuilder }),
    imageRefs: { ...loaded.imageRefs, ...options.images },
    rootDir: resolve(options.rootDir ?? process.cwd()),
  };
}

/** The configuration; read now if initFromConfig has not been called. */
export async function currentConfig(): Promise<InitializedConfig> {
  const { config } = sharedState();
  if (config !== undefined) return config;
  await initFromConfig();
  const read = sharedState().config;
  if (read === undefined) throw new Error("initFromConfig did not set the configuration");
  return read;
}

/** The configuration of a run that is started here: inside a task it is that of the task's own run. */
export async function effectiveConfig(): Promise<InitializedConfig> {
  return (await sharedState().storage.getStore()?.controller.runConfig()) ?? currentConfig();
}

/** What a call to the server needs. Throws CONFIG_INVALID, saying what to add, if it is not there. */
export function requireTarget(config: InitializedConfig): {
  endpoint: string;
  project: string;
  domain: string;
} {
  const { endpoint, project, domain } = config;
  const where = config.source ?? "the configuration (no file was found)";
  if (endpoint === undefined) {
    throw new BoxkiteError("CONFIG_INVALID", `${where} names no server`, {
      hint: 'set admin.endpoint, or FLYTE_ADMIN_ENDPOINT and FLYTE_ADMIN_INSECURE=true; or run with mode: "local"',
    });
  }
  if (project === undefined || domain === undefined) {
    throw new BoxkiteError(
      "CONFIG_INVALID",
      `${where} names no ${project === undefined ? "project" : "domain"}`,
      {
        hint: 'pass initFromConfig({ project: "flytesnacks", domain: "development" })',
      },
    );
  }
  return { endpoint, project, domain };
}

export interface RunScope {
  readonly org: string;
  readonly project: string;
  readonly domain: string;
}

/** The project and domain of a run: those of its options, otherwise the configured ones. */
export function targetOfRun(
  config: InitializedConfig,
  options: Pick<RunSettings, "project" | "domain">,
): RunScope {
  const { project, domain } = requireTarget({
    ...config,
    project: options.project ?? config.project,
    domain: options.domain ?? config.domain,
  });
  return { org: config.org, project, domain };
}

/** Throws while a container imports the module: a module that starts runs on import would start them in every container. */
export function refuseWhileImporting(what: string): void {
  const { inContainer, storage } = sharedState();
  if (!inContainer || storage.getStore() !== undefined) return;
  throw new Error(
    `flyte.${what}() was reached while a task's container imported the module; put it under: if (import.meta.main) { … }`,
  );
}

/** Throws inside a task: its configuration is that of its run, and its code may be only a part of the project. */
export function refuseInContainer(what: string): void {
  refuseWhileImporting(what);
  if (!sharedState().inContainer) return;
  throw new Error(
    `flyte.${what}() is not supported inside a task; runs that a task starts go to its own server: flyte.run(task, inputs)`,
  );
}
