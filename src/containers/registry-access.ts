/** The settings of a registry, as files and flags for the engines' command lines. */
import { mkdir, mkdtemp, copyFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseImageReference } from "../images/reference.ts";
import type { EngineName } from "./types.ts";
import { isInsecure, type Login, type Registries } from "../images/registry/registries.ts";

export interface RegistryAccess {
  /** Credentials in the format of Docker's config.json; undefined: the engine's own. */
  readonly authFile?: string;
  /** A folder with the certificate authority. */
  readonly certificateDir?: string;
  readonly insecure: boolean;
}

/** The files are readable by this user only, and removed when `use` settles. */
export async function withRegistryAccess<T>(
  registries: Registries,
  reference: string,
  use: (access: RegistryAccess) => Promise<T>,
): Promise<T> {
  const { host } = parseImageReference(reference);
  const { login, caFile } = registries.get(host) ?? {};
  const insecure = isInsecure(registries, host);
  if (login === undefined && caFile === undefined) return await use({ insecure });
  const folder = await mkdtemp(join(tmpdir(), "boxkite-registry-"));
  try {
    return await use({
      insecure,
      ...(login !== undefined && { authFile: await writeAuthFile(folder, host, login) }),
      ...(caFile !== undefined && { certificateDir: await makeCertificateDir(folder, caFile) }),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeAuthFile(folder: string, host: string, login: Login): Promise<string> {
  const file = join(folder, "config.json");
  const auth = Buffer.from(`${login.username}:${await login.password()}`).toString("base64");
  // Docker stores the credentials of Docker Hub under the URL of its first API.
  const names = host === "docker.io" ? [host, "https://index.docker.io/v1/"] : [host];
  const auths = Object.fromEntries(names.map((name) => [name, { auth }]));
  await writeFile(file, JSON.stringify({ auths }), { mode: 0o600 });
  return file;
}

async function makeCertificateDir(folder: string, caFile: string): Promise<string> {
  const directory = join(folder, "certificates");
  await mkdir(directory);
  await copyFile(caFile, join(directory, "ca.crt"));
  return directory;
}

/** How to allow an engine plain HTTP to a registry. Docker's daemon reads it from its own file only. */
export function plainHttpHint(engine: EngineName, host: string): string {
  return engine === "podman"
    ? `set registries: ${host}: insecure: true in the settings file`
    : `list ${host} under "insecure-registries" in /etc/docker/daemon.json and restart docker`;
}

/** How to let an engine trust a registry's certificate. */
export function authorityHint(engine: EngineName, host: string): string {
  return engine === "podman"
    ? `set registries: ${host}: ca-file in the settings file`
    : `copy its authority to /etc/docker/certs.d/${host}/ca.crt`;
}
