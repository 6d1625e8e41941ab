/**
 * The client's configuration: the YAML file that the Python SDK reads, from the same folders, with the same
 * overrides from the environment. Unlike there, the environment alone is enough.
 */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseCommand } from "./command-line.ts";
import { BoxkiteError, messageOf } from "../domain/errors.ts";

export interface ClientConfig {
  /** As written: `dns:///host:port`, `host:port` or a URL. Undefined: there is no server, runs are local. */
  readonly endpoint: string | undefined;
  /** Plain HTTP. */
  readonly insecure: boolean;
  readonly insecureSkipVerify: boolean;
  readonly caCertFilePath: string | undefined;
  readonly authType: string | undefined;
  /** Its standard output is the bearer token, for authType ExternalCommand. */
  readonly command: readonly string[];
  /** Sent as it is, instead of what a command prints: the variable BOXKITE_TOKEN. */
  readonly token: string | undefined;
  readonly org: string;
  readonly project: string | undefined;
  readonly domain: string | undefined;
  readonly imageBuilder: string | undefined;
  readonly imageRegistry: string | undefined;
  /** Images for `Image.fromRefName`, by name. */
  readonly imageRefs: Readonly<Record<string, string>>;
  /** The file that it was read from. */
  readonly source: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The file to read; undefined if there is none. `start` is the working directory. */
export function findConfigFile(
  start: string,
  env: Environment,
  home: string = homedir(),
): string | undefined {
  const gitRoot = findUpwards(start, ".git");
  const candidates = [
    join(start, "config.yaml"),
    join(start, ".flyte/config.yaml"),
    gitRoot === undefined ? undefined : join(gitRoot, ".flyte/config.yaml"),
    env["UCTL_CONFIG"],
    env["FLYTECTL_CONFIG"],
    join(home, ".union/config.yaml"),
    join(home, ".flyte/config.yaml"),
  ];
  return candidates.find((path) => path !== undefined && path !== "" && existsSync(path));
}

function findUpwards(start: string, name: string): string | undefined {
  for (let folder = resolve(start); ; folder = dirname(folder)) {
    if (existsSync(join(folder, name))) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

/** Throws CONFIG_INVALID for a file that cannot be read or is not YAML, and for an invalid command. */
export async function loadConfig(path: string | undefined, env: Environment): Promise<ClientConfig> {
  const file = path === undefined ? {} : await readYaml(path);
  const at = (section: string, key: string): unknown =>
    (file[section] as Record<string, unknown> | undefined)?.[key];
  // `admin.authType` is FLYTE_ADMIN_AUTHTYPE; some settings have a second name, which takes precedence.
  const read = (section: string, key: string, alias?: string): unknown =>
    (alias === undefined ? undefined : env[alias]) ??
    env[`FLYTE_${section}_${key}`.toUpperCase()] ??
    at(section, key);
  const text = (section: string, key: string, alias?: string): string | undefined => {
    const value = read(section, key, alias);
    return typeof value === "string" || typeof value === "number" ? String(value) || undefined : undefined;
  };
  const flag = (section: string, key: string): boolean => {
    const value = read(section, key);
    return value === true || (typeof value === "string" && /^(true|t|1|yes)$/i.test(value));
  };
  const endpoint = text("admin", "endpoint");
  const refs = at("image", "image_refs");
  return {
    endpoint,
    insecure: flag("admin", "insecure"),
    insecureSkipVerify: flag("admin", "insecureSkipVerify"),
    caCertFilePath: text("admin", "caCertFilePath"),
    authType: text("admin", "authType", "FLYTE_AUTH_TYPE"),
    command: await parseCommand(read("admin", "command", "FLYTE_AUTH_COMMAND")),
    token: env["BOXKITE_TOKEN"] || undefined,
    org: text("task", "org") ?? "",
    project: text("task", "project"),
    domain: text("task", "domain"),
    imageBuilder: text("image", "builder"),
    imageRegistry: text("image", "registry"),
    imageRefs: typeof refs === "object" && refs !== null ? (refs as Record<string, string>) : {},
    source: path,
  };
}

async function readYaml(path: string): Promise<Record<string, unknown>> {
  const { parse } = await import("yaml");
  try {
    return ((parse(readFileSync(path, "utf8")) as unknown) ?? {}) as Record<string, unknown>;
  } catch (cause) {
    throw new BoxkiteError("CONFIG_INVALID", `${path}: ${messageOf(cause)}`, { cause });
  }
}
