/** The section `registries` of the settings file. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import type { ProjectScope } from "../domain/project-scope.ts";
import { parseImageReference } from "../images/reference.ts";
import type { Login, Registries, RegistrySettings } from "../images/registry/registries.ts";
import { readScope } from "./scope-settings.ts";
import { booleanOf, mappingOf, refuseUnknown, stringOf } from "./setting-values.ts";

export interface RegistriesContext {
  /** Where relative file names begin. */
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
}

const KNOWN = ["username", "password-file", "password-env", "insecure", "ca-file", "projects"];

/** Throws CONFIG_INVALID naming the setting. The files that it names are read here, before a run needs them. */
export async function readRegistries(value: unknown, context: RegistriesContext): Promise<Registries> {
  const registries = new Map<string, RegistrySettings>();
  const named = new Set<string>();
  for (const [name, settings] of Object.entries(mappingOf(value, "registries"))) {
    const { host, repositories } = parseName(name);
    const known = registries.get(host);
    const full = repositories === undefined ? host : `${host}/${repositories}`;
    if (named.has(full)) throw invalid(`registries names ${full} twice`);
    named.add(full);
    const what = `registries: ${name}`;
    registries.set(
      host,
      repositories === undefined
        ? { ...known, ...(await readRegistry(settings, what, context)) }
        : { ...known, repositories: withScope(known?.repositories, repositories, settings, what) },
    );
  }
  return registries;
}

function withScope(
  known: RegistrySettings["repositories"],
  repositories: string,
  value: unknown,
  what: string,
): ReadonlyMap<string, ProjectScope> {
  const settings = mappingOf(value, what);
  // How a registry is reached is said of the whole of it.
  refuseUnknown(settings, ["projects"], what);
  return new Map([...(known ?? []), [repositories, readScope(settings["projects"], `${what}: projects`)]]);
}

/** `HOST`, or `HOST/NAME` for the repositories whose names begin so. */
function parseName(name: string): { readonly host: string; readonly repositories: string | undefined } {
  if (!/^([^/]*[.:][^/]*|localhost)(\/|$)/iu.test(name))
    throw invalid(`registries: ${name} is no registry host; write HOST, HOST:PORT, or HOST/NAME`);
  try {
    const { host, repository } = parseImageReference(`${name}/image`);
    const isHost = ["image", "library/image"].includes(repository);
    return { host, repositories: isHost ? undefined : repository.slice(0, -"/image".length) };
  } catch (error) {
    throw invalid(`registries: ${name} is no registry host: ${messageOf(error)}`);
  }
}

async function readRegistry(
  value: unknown,
  what: string,
  context: RegistriesContext,
): Promise<RegistrySettings> {
  const settings = mappingOf(value, what);
  if (settings["password"] !== undefined) {
    throw invalid(
      `${what} has a password in the file itself`,
      "put it into a file or a variable of its own, and name that: password-file or password-env",
    );
  }
  refuseUnknown(settings, KNOWN, what);
  const text = (name: string) => stringOf(settings[name], `${what}: ${name}`);
  const insecure = booleanOf(settings["insecure"], `${what}: insecure`);
  const caFile = text("ca-file");
  if (insecure === true && caFile !== undefined)
    throw invalid(`${what} is insecure, so its ca-file has no use: leave one out`);
  return {
    insecure,
    ...(settings["projects"] !== undefined && {
      projects: readScope(settings["projects"], `${what}: projects`),
    }),
    caFile: caFile && (await checkAuthority(resolve(context.directory, caFile), `${what}: ca-file`)),
    login: await readLogin(text, what, context),
  };
}

async function readLogin(
  text: (name: string) => string | undefined,
  what: string,
  { directory, env }: RegistriesContext,
): Promise<Login | undefined> {
  const [username, file, variable] = ["username", "password-file", "password-env"].map(text);
  if (username === undefined && file === undefined && variable === undefined) return undefined;
  if (username === undefined) throw invalid(`${what} has a password and no username`);
  if ((file === undefined) === (variable === undefined))
    throw invalid(`${what} has a username, and needs one of password-file and password-env`);
  const password =
    file === undefined
      ? async () => passwordIn(env[variable ?? ""], `${what}: password-env names ${variable}, which`)
      : () => readPassword(resolve(directory, file), `${what}: password-file`);
  await password();
  return { username, password };
}

async function readPassword(file: string, what: string): Promise<string> {
  return passwordIn(await readText(file, what), `${what} names ${file}, which`);
}

/** Editors end a file with a line break, which is not part of the password. */
function passwordIn(content: string | undefined, what: string): string {
  const password = content?.replace(/\r?\n$/, "");
  if (password) return password;
  throw invalid(`${what} is ${content === undefined ? "not set" : "empty"}`);
}

async function checkAuthority(file: string, what: string): Promise<string> {
  const content = await readText(file, what);
  try {
    void new X509Certificate(content);
  } catch (error) {
    throw invalid(`${what} names ${file}, which is no certificate in PEM: ${messageOf(error)}`);
  }
  return file;
}

async function readText(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw invalid(`${what} names ${file}, which cannot be read: ${messageOf(error)}`);
  }
}

function invalid(message: string, hint?: string): BoxkiteError {
  return new BoxkiteError("CONFIG_INVALID", message, { hint });
}
