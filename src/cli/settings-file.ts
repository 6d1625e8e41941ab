/** The settings file of `--config`: what is a flag elsewhere, and what has too many parts for a flag. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import type { Queues } from "../domain/queue.ts";
import { DEFAULT_QUOTAS, type Quotas } from "../domain/quotas.ts";
import {
  NO_POLICY,
  type ConfinementPolicy,
  type ConfinementSettings,
} from "../executors/container/confinement.ts";
import type { NetworkSettings } from "../executors/container/join-network.ts";
import type { InheritedSettings } from "../executors/container/inherited.ts";
import { NO_REGISTRIES, type Registries } from "../images/registry/registries.ts";
import { NOTHING_ALLOWED, type EgressAllowance } from "../lib/egress-allowance.ts";
import type { CommandInput } from "./command.ts";
import { CONFINEMENT_NAMES, readConfinement, readPodTemplates } from "./confinement-settings.ts";
import type { SharedPorts } from "../server/shared-ports.ts";
import { readEgress } from "./egress-settings.ts";
import { readSharedPorts } from "./port-settings.ts";
import { readQuotas } from "./quota-settings.ts";
import { readQueues } from "./queue-settings.ts";
import { readRegistries } from "./registry-settings.ts";
import { readSecrets, type SecretScopes } from "./scope-settings.ts";
import { booleanOf, mappingOf, refuseUnknown } from "./setting-values.ts";

export const SETTING_NAMES = [
  "port",
  "host",
  "server-name",
  "auth",
  "insecure-no-auth",
  "tls-cert",
  "tls-key",
  "tls-self-signed",
  "behind-proxy",
  "data",
  "ephemeral",
  "engine",
  "python",
  "max-parallel",
  "cap-cpu",
  "strict-images",
  "warm-starts",
  "warm-memory",
  "warm-workers",
  "image-check",
  "image-policy",
  "linger-seconds",
  "max-log-mib",
  "keep-logs-days",
  "keep-audit-days",
] as const;
export type SettingName = (typeof SETTING_NAMES)[number];
const PATH_NAMES = ["data", "python", "tls-cert", "tls-key"] as const satisfies readonly SettingName[];
type PathName = (typeof PATH_NAMES)[number];
const SECTIONS = [
  "registries",
  "egress",
  "secrets",
  "containers",
  "pod-templates",
  "queues",
  "quotas",
  "share-ports",
] as const;

export interface SettingsFile {
  readonly values: Partial<Record<SettingName, unknown>>;
  readonly registries: Registries;
  readonly egress: EgressAllowance;
  readonly secrets: SecretScopes;
  readonly containers: InheritedSettings;
  readonly policy: ConfinementPolicy;
  readonly networks: NetworkSettings;
  readonly queues: Queues;
  readonly quotas: Quotas;
  readonly sharedPorts: SharedPorts;
}

export interface Setting {
  readonly value: string;
  /** "--port", "BOXKITE_PORT" or "port in the file". */
  readonly origin: string;
}

const NO_FILE: SettingsFile = {
  values: {},
  registries: NO_REGISTRIES,
  egress: NOTHING_ALLOWED,
  secrets: new Map(),
  containers: { certificates: false, proxy: false },
  policy: NO_POLICY,
  networks: {},
  queues: new Map(),
  quotas: DEFAULT_QUOTAS,
  sharedPorts: new Map(),
};

/** Throws CONFIG_INVALID naming the setting. */
export async function readSettingsFile({ values, env }: CommandInput): Promise<SettingsFile> {
  const path = (values["config"] as string | undefined) ?? env["BOXKITE_CONFIG"];
  if (path === undefined) return NO_FILE;
  if (path === "")
    throw new BoxkiteError(
      "CONFIG_INVALID",
      "the name of the settings file is empty: --config or BOXKITE_CONFIG",
    );
  const {
    registries: named,
    egress,
    secrets,
    containers,
    "pod-templates": templates,
    queues,
    quotas,
    "share-ports": ports,
    ...flags
  } = await parseFile(path);
  const directory = dirname(resolve(path));
  const registries = await readRegistries(named, { directory, env });
  const { containers: inherited, networks, settings } = readContainers(containers);
  return {
    values: withPaths(flags, directory),
    registries,
    egress: readEgress(egress, registries),
    secrets: readSecrets(secrets),
    containers: inherited,
    networks,
    policy: { settings, templates: readPodTemplates(templates) },
    queues: readQueues(queues),
    quotas: readQuotas(quotas),
    sharedPorts: readSharedPorts(ports),
  };
}

/** Flag, else variable, else file. */
export function findSetting(
  name: SettingName,
  { values, env }: CommandInput,
  file: SettingsFile,
): Setting | undefined {
  const flag = values[name];
  if (flag !== undefined) return { value: String(flag), origin: `--${name}` };
  const variable = `BOXKITE_${name.toUpperCase().replaceAll("-", "_")}`;
  if (env[variable] !== undefined) return { value: env[variable], origin: variable };
  const fromFile = file.values[name];
  if (fromFile === undefined) return undefined;
  return {
    value: typeof fromFile === "string" ? fromFile : JSON.stringify(fromFile),
    origin: `${name} in the file`,
  };
}

/** As `findSetting`, of a path: it is absolute. Throws CONFIG_INVALID for an empty one. */
export function findPath(name: PathName, input: CommandInput, file: SettingsFile): Setting | undefined {
  const found = findSetting(name, input, file);
  if (found?.value === "")
    throw new BoxkiteError("CONFIG_INVALID", `${found.origin} is empty; it must be a path`);
  return found && { ...found, value: resolve(found.value) };
}

/** Relative paths in the file begin at its directory, those of options and variables at the working directory. */
function withPaths(values: Readonly<Record<string, unknown>>, directory: string): SettingsFile["values"] {
  const paths = PATH_NAMES.flatMap((name) => {
    const value = values[name];
    return typeof value === "string" && value !== "" ? [[name, resolve(directory, value)] as const] : [];
  });
  return { ...values, ...Object.fromEntries(paths) };
}

async function parseFile(path: string): Promise<Readonly<Record<string, unknown>>> {
  // Loaded only where there is a file: it takes a fifteenth of the time to start.
  const { parse } = await import("yaml");
  let parsed: unknown;
  try {
    parsed = parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new BoxkiteError(
      "CONFIG_INVALID",
      `cannot read the configuration file ${path}: ${messageOf(error)}`,
      { cause: error },
    );
  }
  const what = `the configuration file ${path}`;
  const mapping = mappingOf(parsed, what);
  refuseUnknown(mapping, [...SETTING_NAMES, ...SECTIONS], what);
  return mapping;
}

function readContainers(value: unknown): Pick<SettingsFile, "containers" | "networks"> & {
  readonly settings: ConfinementSettings;
} {
  const what = "containers";
  const containers = mappingOf(value, what);
  refuseUnknown(containers, ["certificates", "proxy", "shared-network", ...CONFINEMENT_NAMES], what);
  const shared = booleanOf(containers["shared-network"], "containers: shared-network");
  return {
    containers: {
      certificates: booleanOf(containers["certificates"], "containers: certificates") ?? false,
      proxy: booleanOf(containers["proxy"], "containers: proxy") ?? false,
    },
    settings: readConfinement(containers, what),
    networks: { ...(shared === true && { shared }) },
  };
}
