/** The server of the commands that ask one: from the client's configuration, as the SDKs read it. */
import { findConfigFile, loadConfig } from "../../client/config-file.ts";
import { baseUrlOf } from "../../client/endpoint.ts";
import type { ConnectionOptions } from "../../client/transport.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { ProjectKey } from "../../domain/ids.ts";
import { optionOf } from "../check-setting.ts";
import type { CommandInput, OptionSpec } from "../command.ts";

export const CLIENT_OPTIONS = {
  project: {
    type: "string",
    value: "NAME",
    help: "the project of the run (task.project of the configuration)",
  },
  domain: { type: "string", value: "NAME", help: "its domain (task.domain of the configuration)" },
  config: {
    type: "string",
    value: "FILE",
    help: "the client's configuration (.flyte/config.yaml and others)",
  },
} as const satisfies Record<string, OptionSpec>;

export interface Server {
  readonly connection: ConnectionOptions;
  /** Of its pages, without a token. */
  readonly origin: string;
  /** Where runs are that are named without it; undefined where neither options nor configuration say. */
  readonly scope: Partial<ProjectKey>;
}

/** Throws CONFIG_INVALID. */
export async function findServer(input: CommandInput): Promise<Server> {
  const file = optionOf(input, "config")?.value ?? findConfigFile(process.cwd(), input.env);
  const config = await loadConfig(file, input.env);
  const { endpoint, insecure, source } = config;
  if (endpoint === undefined)
    throw new BoxkiteError(
      "CONFIG_INVALID",
      `${source ?? "the configuration (no file was found)"} names no server`,
      {
        hint: "write one: boxkite config create; or set FLYTE_ADMIN_ENDPOINT and FLYTE_ADMIN_INSECURE=true",
      },
    );
  const baseUrl = baseUrlOf(endpoint, insecure);
  const project = optionOf(input, "project")?.value ?? config.project;
  const domain = optionOf(input, "domain")?.value ?? config.domain;
  return {
    connection: { ...config, baseUrl },
    origin: new URL(baseUrl).origin,
    scope: { ...(project !== undefined && { project }), ...(domain !== undefined && { domain }) },
  };
}

/** Throws CONFIG_INVALID where project or domain is not said. */
export function requirePlace({ project, domain }: Partial<ProjectKey>): ProjectKey {
  if (project !== undefined && domain !== undefined) return { project, domain };
  throw new BoxkiteError(
    "CONFIG_INVALID",
    `neither an option nor the configuration names the ${project === undefined ? "project" : "domain"} of the run`,
    { hint: "add --project and --domain, or task.project and task.domain to the configuration" },
  );
}
