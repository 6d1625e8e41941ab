/** `boxkite credentials`: keys with which a person's own programs reach the server's objects. */
import { BoxkiteError } from "../domain/errors.ts";
import { checkProjectName, DOMAINS, isDomain } from "../domain/ids.ts";
import { DEFAULT_REGION } from "../lib/sigv4-signer.ts";
import type { Credentials } from "../orchestrator/access-keys.ts";
import { BUCKET } from "../server/server.ts";
import { tokenCredentials, userCredentials } from "../server/user-credentials.ts";
import { recordedIn } from "./audit-entry.ts";
import { EXIT, type Command, type CommandInput } from "./command.ts";
import { dataDirectory, openStoreIn } from "./data-directory.ts";
import { DEFAULT_PORT } from "./default-port.ts";
import { readSettingsFile } from "./settings-file.ts";
import { readSigningKeys } from "./signing-keys.ts";
import { findToken } from "./token/find-token.ts";

/** An address, not a name: many S3 clients put the bucket in front of a name. */
const DEFAULT_ENDPOINT = `http://127.0.0.1:${DEFAULT_PORT}`;

type Format = (endpoint: string, key: Credentials, prefix: string) => string;

const FORMATS: ReadonlyMap<string, Format> = new Map<string, Format>([
  [
    "env",
    (endpoint, { accessKeyId, secretAccessKey }) =>
      exports({
        FLYTE_AWS_ENDPOINT: endpoint,
        FLYTE_AWS_ACCESS_KEY_ID: accessKeyId,
        FLYTE_AWS_SECRET_ACCESS_KEY: secretAccessKey,
      }),
  ],
  [
    "aws",
    (endpoint, { accessKeyId, secretAccessKey }) =>
      exports({
        AWS_ENDPOINT_URL_S3: endpoint,
        AWS_REGION: DEFAULT_REGION,
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
      }),
  ],
  [
    "json",
    (endpoint, key, prefix) =>
      `${JSON.stringify({ endpoint, region: DEFAULT_REGION, bucket: BUCKET, prefix, ...key })}\n`,
  ],
]);

export const credentials: Command = {
  name: "credentials",
  summary: "print keys with which your own programs reach the server's objects",
  options: {
    data: { type: "string", value: "DIR", help: "the server's data directory (~/.local/share/boxkite)" },
    project: { type: "string", value: "NAME", help: "objects of this project only" },
    domain: { type: "string", value: "NAME", help: "with --project: objects of this domain only" },
    token: { type: "string", value: "NAME", help: "what this token may read and write, while it is valid" },
    endpoint: { type: "string", value: "URL", help: `where the server is reached (${DEFAULT_ENDPOINT})` },
    format: {
      type: "string",
      value: "NAME",
      help: "env: for flyte; aws: for boto3, s5cmd, aws; json (env)",
    },
    config: { type: "string", value: "FILE", help: "the server's settings file, for its data directory" },
  },
  run: async (input) => {
    const format = FORMATS.get(text(input, "format") ?? "env");
    if (format === undefined) {
      throw new BoxkiteError("CONFIG_INVALID", `--format is ${JSON.stringify(text(input, "format"))}`, {
        hint: `use one of: ${[...FORMATS.keys()].join(", ")}`,
      });
    }
    const prefix = prefixOf(input);
    const endpoint = endpointOf(input);
    const directory = dataDirectory(input, await readSettingsFile(input));
    const store = await openStoreIn(directory);
    try {
      const keys = await readSigningKeys(store);
      const name = text(input, "token");
      const on = name === undefined ? { kind: "objects", key: prefix } : { kind: "token", key: name };
      const key = await recordedIn(directory, "credentials", on, async () =>
        name === undefined
          ? userCredentials(keys, prefix)
          : tokenCredentials(keys, (await findToken(store, name, "boxkite credentials --token NAME")).id),
      );
      process.stdout.write(format(endpoint, key, prefix));
    } finally {
      await store.close();
    }
    return EXIT.ok;
  },
};

function text({ values }: CommandInput, name: string): string | undefined {
  return values[name] as string | undefined;
}

function prefixOf(input: CommandInput): string {
  const project = text(input, "project");
  const domain = text(input, "domain");
  if (text(input, "token") !== undefined && (project ?? domain) !== undefined) {
    throw new BoxkiteError("CONFIG_INVALID", "--token excludes --project and --domain", {
      hint: "the token says in which projects and domains the keys are valid: boxkite token list",
    });
  }
  if (project === undefined) {
    if (domain === undefined) return "";
    throw new BoxkiteError("CONFIG_INVALID", "--domain is set and --project is not");
  }
  checkProjectName(project, "--project");
  if (domain === undefined) return `${project}/`;
  if (isDomain(domain)) return `${project}/${domain}/`;
  throw new BoxkiteError("CONFIG_INVALID", `there is no domain ${JSON.stringify(domain)}`, {
    hint: `use one of: ${DOMAINS.join(", ")}`,
  });
}

function endpointOf(input: CommandInput): string {
  const given = text(input, "endpoint") ?? DEFAULT_ENDPOINT;
  if (URL.canParse(given) && /^https?:/u.test(given)) return given.replace(/\/+$/u, "");
  throw new BoxkiteError("CONFIG_INVALID", `--endpoint is ${JSON.stringify(given)}, which is no http URL`, {
    hint: `write it like ${DEFAULT_ENDPOINT}`,
  });
}

function exports(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value}'\n`)
    .join("");
}
