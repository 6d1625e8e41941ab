/** `boxkite config create`: the configuration by which clients on this machine find the server and are let in. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { BoxkiteError, messageOf } from "../../domain/errors.ts";
import { checkProjectName, DOMAINS, isDomain } from "../../domain/ids.ts";
import { hostPort } from "../../lib/host-port.ts";
import { localSecretOf } from "../../server/local-login.ts";
import { recordedIn } from "../audit-entry.ts";
import { invalidSetting, optionOf } from "../check-setting.ts";
import { EXIT, type Command, type CommandInput } from "../command.ts";
import { dataDirectory, openStoreIn } from "../data-directory.ts";
import { readSettingsFile } from "../settings-file.ts";
import { readSigningKeys } from "../signing-keys.ts";
import { verbOf } from "../verbs.ts";
import { clientConfig, type ClientChoices } from "./client-config.ts";
import { readConnection, type Connection } from "./connection.ts";

const DEFAULT_FILE = ".flyte/config.yaml";
const BUILDERS = ["local", "remote"];

export const config: Command = {
  name: "config",
  summary: "write the configuration of a client on this machine: flyte, the TypeScript SDK",
  positionals: ["create"],
  options: {
    file: { type: "string", value: "FILE", help: `where to write it (${DEFAULT_FILE})` },
    project: { type: "string", value: "NAME", help: "the project of its runs (flytesnacks)" },
    domain: { type: "string", value: "NAME", help: "the domain of its runs (development)" },
    builder: {
      type: "string",
      value: "NAME",
      help: "who builds images: local, or remote, the server (local)",
    },
    force: { type: "boolean", help: "overwrite the file" },
    data: { type: "string", value: "DIR", help: "the server's data directory (~/.local/share/boxkite)" },
    config: { type: "string", value: "FILE", help: "the server's settings file, for its data directory" },
  },
  run: async (input) => {
    verbOf(input, "config", VERBS, "create");
    const choices = readChoices(input);
    const file = optionOf(input, "file")?.value ?? DEFAULT_FILE;
    const data = dataDirectory(input, await readSettingsFile(input));
    const connection = await readConnection(data);
    const secret = connection.login === "local-secret" ? await readSecret(data) : undefined;
    await write(file, clientConfig(connection, secret, choices), {
      isSecret: secret !== undefined,
      force: input.values["force"] === true,
    });
    process.stdout.write(`${file} is written, for ${hostPort(connection.host, connection.port)}\n`);
    const note = noteOn(connection, secret);
    if (note !== undefined) process.stderr.write(`note: ${note}\n`);
    return EXIT.ok;
  },
};

const VERBS = { create: ["file", "project", "domain", "builder", "force"] } as const;

function readChoices(input: CommandInput): ClientChoices {
  const project = optionOf(input, "project")?.value ?? "flytesnacks";
  checkProjectName(project, "--project");
  const domain = optionOf(input, "domain");
  if (domain !== undefined && !isDomain(domain.value))
    throw invalidSetting(domain, `one of ${DOMAINS.join(", ")}`);
  const builder = optionOf(input, "builder");
  if (builder !== undefined && !BUILDERS.includes(builder.value))
    throw invalidSetting(builder, `one of ${BUILDERS.join(", ")}`);
  return { project, domain: domain?.value ?? "development", builder: builder?.value ?? "local" };
}

async function readSecret(data: string): Promise<string> {
  const store = await openStoreIn(data);
  try {
    return await recordedIn(data, "config create", { kind: "server", key: "" }, async () =>
      localSecretOf(await readSigningKeys(store)),
    );
  } finally {
    await store.close();
  }
}

async function write(
  file: string,
  text: string,
  { isSecret, force }: { readonly isSecret: boolean; readonly force: boolean },
): Promise<void> {
  try {
    // Of a directory that is in the way EEXIST says nothing of the file.
    await mkdir(dirname(file), { recursive: true }).catch((error: unknown) => {
      throw new Error(messageOf(error), { cause: error });
    });
    // Made anew, so that it has the right mode from the start.
    if (force) await rm(file, { force: true });
    await writeFile(file, text, { flag: "wx", mode: isSecret ? 0o600 : 0o644 });
  } catch (error) {
    const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
    throw new BoxkiteError(
      "CONFIG_INVALID",
      exists ? `the file ${file} exists already` : `cannot write ${file}: ${messageOf(error)}`,
      { hint: exists ? "--force overwrites it" : "write it elsewhere: --file FILE", cause: error },
    );
  }
}

function noteOn({ login, host, port, tls }: Connection, secret: string | undefined): string | undefined {
  if (secret !== undefined)
    return (
      "the file has the local login secret, with which a task could do what you may do: keep it out of version control " +
      "and of the code that tasks are sent, by a line .flyte/ in .gitignore and .flyteignore"
    );
  if (login !== "token") return undefined;
  const how =
    tls === undefined
      ? `admin.endpoint: dns:///${hostPort(host, port)}/t/TOKEN`
      : "admin.authType: ExternalCommand, and a command that prints it";
  return `the server asks for a token, which the file does not have yet: boxkite token create, and ${how}`;
}
