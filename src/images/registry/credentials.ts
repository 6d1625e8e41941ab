/**
 * Credentials for registries: those of the settings file, otherwise those stored by `podman login` and
 * `docker login`. Files are read at each use, so that a login takes effect while the server runs.
 */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { BoxkiteError, messageOf } from "../../domain/errors.ts";
import { NO_REGISTRIES, type Registries } from "./registries.ts";

export type Credential =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** A refresh token, which the registry's token service exchanges. */
  | { readonly kind: "identity"; readonly token: string };

/** Undefined: there are none for this registry; requests are anonymous. */
export type CredentialSource = (host: string, repository: string) => Promise<Credential | undefined>;

export interface CredentialOptions {
  /** Their logins take precedence over the engines' files. */
  readonly registries?: Registries;
  readonly env?: NodeJS.ProcessEnv;
  readonly home?: string;
  readonly uid?: number;
}

interface AuthFile {
  readonly auths?: Readonly<Record<string, AuthEntry>>;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

interface AuthEntry {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
}

const HELPER_TIMEOUT_MS = 10_000;
const DOCKER_HUB_KEYS = ["https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io"];

export function createCredentialSource(options: CredentialOptions = {}): CredentialSource {
  const { registries = NO_REGISTRIES, env = process.env } = options;
  return async (host, repository) => {
    const login = registries.get(host)?.login;
    if (login) return { kind: "password", username: login.username, password: await login.password() };
    for (const file of authFiles(env, options.home ?? homedir(), options.uid ?? process.getuid?.() ?? 0)) {
      const content = await readAuthFile(file);
      const found = content && (await credentialIn(content, host, repository, env));
      if (found) return found;
    }
    return undefined;
  };
}

/** In podman's search order, then docker's own. */
function authFiles(env: NodeJS.ProcessEnv, home: string, uid: number): string[] {
  const runtime = env.XDG_RUNTIME_DIR;
  return [
    ...(env.REGISTRY_AUTH_FILE ? [env.REGISTRY_AUTH_FILE] : []),
    ...(runtime ? [join(runtime, "containers", "auth.json")] : []),
    join("/run/containers", String(uid), "auth.json"),
    join(env.XDG_CONFIG_HOME || join(home, ".config"), "containers", "auth.json"),
    join(env.DOCKER_CONFIG || join(home, ".docker"), "config.json"),
  ];
}

/** The value of X-Registry-Auth in the engine's API: URL-safe base64 with padding, which Node's base64url omits. */
export function registryAuthHeader(credential: Credential, host: string): string {
  const content =
    credential.kind === "identity"
      ? { identitytoken: credential.token, serveraddress: host }
      : { username: credential.username, password: credential.password, serveraddress: host };
  return Buffer.from(JSON.stringify(content)).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}

async function readAuthFile(file: string): Promise<AuthFile | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch {
    // Most of these files do not exist; an unreadable one is ignored, too.
    return undefined;
  }
  try {
    return JSON.parse(text) as AuthFile;
  } catch (error) {
    throw new BoxkiteError(
      "CONFIG_INVALID",
      `${file} with the registry credentials is not JSON: ${messageOf(error)}`,
      {
        hint: "repair it, or remove it and log in again: podman login HOST",
        cause: error,
      },
    );
  }
}

async function credentialIn(
  file: AuthFile,
  host: string,
  repository: string,
  env: NodeJS.ProcessEnv,
): Promise<Credential | undefined> {
  const names =
    host === "docker.io" ? [host, ...DOCKER_HUB_KEYS] : [host, `https://${host}`, `http://${host}`];
  for (const name of names) {
    const helper = file.credHelpers?.[name];
    const found = helper && (await askHelper(helper, name, env));
    if (found) return found;
  }
  // Podman also stores logins for a namespace of a registry: the longest match is used.
  for (const name of [...namespacesOf(host, repository), ...names]) {
    const found = decodeEntry(file.auths?.[name]);
    if (found) return found;
  }
  if (file.credsStore) {
    const asked = host === "docker.io" ? "https://index.docker.io/v1/" : host;
    return askHelper(file.credsStore, asked, env);
  }
  return undefined;
}

function namespacesOf(host: string, repository: string): string[] {
  const parts = repository.split("/");
  return parts.map((_, index) => [host, ...parts.slice(0, parts.length - index)].join("/"));
}

function decodeEntry(entry: AuthEntry | undefined): Credential | undefined {
  if (entry === undefined) return undefined;
  if (entry.identitytoken) return { kind: "identity", token: entry.identitytoken };
  if (entry.username !== undefined && entry.password !== undefined) {
    return { kind: "password", username: entry.username, password: entry.password };
  }
  const text = Buffer.from(entry.auth ?? "", "base64").toString();
  const colon = text.indexOf(":");
  return colon === -1
    ? undefined
    : {
        kind: "password",
        username: text.slice(0, colon),
        password: text.slice(colon + 1).replace(/\0+$/, ""),
      };
}

/** A helper that is missing or has no entry is no error: the registry may allow anonymous access. */
function askHelper(name: string, server: string, env: NodeJS.ProcessEnv): Promise<Credential | undefined> {
  return new Promise((resolve) => {
    const child = spawn(`docker-credential-${name}`, ["get"], {
      env,
      stdio: ["pipe", "pipe", "ignore"],
      // Not the timeout option: if the program cannot be started, its timer keeps this process alive.
      signal: AbortSignal.timeout(HELPER_TIMEOUT_MS),
    });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stdin.on("error", () => {}); // It may exit before it has read the name; only its answer matters.
    child.on("error", () => resolve(undefined));
    child.on("close", (code) =>
      resolve(code === 0 ? decodeHelper(Buffer.concat(chunks).toString()) : undefined),
    );
    child.stdin.end(server);
  });
}

function decodeHelper(text: string): Credential | undefined {
  try {
    const { Username: username, Secret: secret } = JSON.parse(text) as { Username?: string; Secret?: string };
    if (username === undefined || secret === undefined) return undefined;
    // In the helpers' protocol this user name marks a token.
    return username === "<token>"
      ? { kind: "identity", token: secret }
      : { kind: "password", username, password: secret };
  } catch {
    return undefined;
  }
}
