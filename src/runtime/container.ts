/** What the controller knows about its container. */
import type { RuntimeArguments } from "./arguments.ts";
import { parseCommand } from "../client/command-line.ts";
import type { Environment } from "../client/config-file.ts";
import { baseUrlOf } from "../client/endpoint.ts";
import type { Storage } from "../client/storage/storage.ts";
import type { ConnectionOptions } from "../client/transport.ts";
import type { InitializedConfig } from "../sdk/authoring/config.ts";
import { decodeImageCache } from "../sdk/authoring/image-cache.ts";
import type { SpecSettings } from "../sdk/authoring/task-spec.ts";

export interface Container {
  readonly arguments: RuntimeArguments;
  readonly env: Environment;
  readonly storage: Storage;
  /** Module paths of children are relative to it: the folder of the bundle, or the working directory. */
  readonly rootDir: string;
}

/** Where calls go to: the server's origin as seen from this container, and the path with the attempt's token. */
function serverUrl(env: Environment): string {
  const endpoint = env["_U_EP_OVERRIDE"] ?? "host.docker.internal:8090";
  const insecure =
    /^(true|t|1)$/i.test(env["_U_INSECURE"] ?? "") ||
    endpoint.includes("localhost") ||
    endpoint.includes("docker");
  return baseUrlOf(endpoint, insecure);
}

export async function connectionOf(env: Environment): Promise<ConnectionOptions> {
  return {
    baseUrl: serverUrl(env),
    insecureSkipVerify: /^(true|t|1)$/i.test(env["_U_INSECURE_SKIP_VERIFY"] ?? ""),
    authType: env["FLYTE_AUTH_TYPE"],
    command: await parseCommand(env["FLYTE_AUTH_COMMAND"]),
    isNear: true,
  };
}

/** The settings of specifications in this run, from this task's command line. */
export function settingsOf({ arguments: given, rootDir }: Container): SpecSettings {
  const { org, project, domain, version, bundle, imageCache = "" } = given;
  const images = imageCache === "" ? {} : decodeImageCache(imageCache);
  return { org, project, domain, version, images, imageCache, bundle, rootDir };
}

/** The configuration of runs that the task starts: on the server of its own run. */
export async function runConfigOf(container: Container): Promise<InitializedConfig> {
  const { arguments: given, env, rootDir } = container;
  const { baseUrl, insecureSkipVerify, authType, command } = await connectionOf(env);
  return {
    endpoint: baseUrl,
    insecure: baseUrl.startsWith("http:"),
    insecureSkipVerify: insecureSkipVerify ?? false,
    caCertFilePath: undefined,
    authType,
    command: command ?? [],
    token: undefined,
    org: given.org,
    project: given.project,
    domain: given.domain,
    imageBuilder: undefined,
    imageRegistry: undefined,
    imageRefs: {},
    source: "the run of this task",
    rootDir,
    parentRun: { run: given.run, settings: settingsOf(container) },
  };
}
