/**
 * What containers get of this machine where the settings ask for it: its certificate authorities and
 * its proxies. What the image or the task sets itself stays as it is.
 *
 * The authorities go in as a copy, by the engine, between the creation of a container and its start. A
 * mount would need the file on the engine's machine, which may be a virtual one, and under SELinux a new
 * label on it.
 */
import { existsSync } from "node:fs";
import { BoxkiteError } from "../../domain/errors.ts";
import { CA_FILE, CA_VARIABLES } from "../../images/certificates.ts";
import { isLoopbackHost } from "../../images/registry/registries.ts";

type Env = Readonly<Record<string, string>>;

/** What task containers get of this machine beyond what they need to run. */
export interface InheritedSettings {
  readonly certificates: boolean;
  readonly proxy: boolean;
}

export interface Inherited {
  /** A PEM file of this machine, read at each start. */
  readonly certificates?: string;
  /** By the upper-case names: HTTP_PROXY and its kin. */
  readonly proxy?: Env;
}

export interface Additions {
  readonly env: Env;
  /** What was added, for the reader of the run. */
  readonly note: string;
}

export interface AdditionsContext {
  /** What the image sets. */
  readonly image: Env;
  /** What the run, the task and Boxkite set. */
  readonly task: Env;
  /** By which name or address a container reaches the server. */
  readonly serverHost: string;
}

const BUNDLE_VARIABLES = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
/** Where Debian, Red Hat, SUSE, and Alpine and macOS keep theirs. */
const SYSTEM_BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];
const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/** Throws CONFIG_INVALID where this machine has nothing of that kind. */
export function readInherited(options: InheritedSettings | undefined, env: NodeJS.ProcessEnv): Inherited {
  return {
    ...(options?.certificates === true && { certificates: findBundle(env) }),
    ...(options?.proxy === true && { proxy: readProxy(env) }),
  };
}

function findBundle(env: NodeJS.ProcessEnv): string {
  const variable = BUNDLE_VARIABLES.find((name) => env[name]);
  const named = variable && env[variable];
  const file = named || SYSTEM_BUNDLES.find((path) => existsSync(path));
  if (file !== undefined && existsSync(file)) return file;
  throw new BoxkiteError(
    "CONFIG_INVALID",
    file === undefined
      ? `containers: certificates is true, but this machine has no bundle of authorities (${SYSTEM_BUNDLES.join(", ")})`
      : `containers: certificates is true, but ${variable} names ${file}, which does not exist`,
    { hint: "name one in the server's environment: SSL_CERT_FILE=/path/to/bundle.pem" },
  );
}

function readProxy(env: NodeJS.ProcessEnv): Env {
  const proxies = [...PROXIES, "NO_PROXY"].flatMap((name): [string, string][] => {
    const value = env[name.toLowerCase()] || env[name];
    return value ? [[name, value]] : [];
  });
  const used = proxies.filter(([name]) => PROXIES.includes(name));
  if (used.length === 0) {
    throw new BoxkiteError(
      "CONFIG_INVALID",
      `containers: proxy is true, but the server's environment has none of ${PROXIES.join(", ")}`,
      { hint: "set HTTPS_PROXY and HTTP_PROXY where boxkite up is started" },
    );
  }
  for (const [name, value] of used) refuseLoopback(name, value);
  return Object.fromEntries(proxies);
}

/** Inside a container, loopback is the container itself. */
function refuseLoopback(name: string, value: string): void {
  const text = value.includes("://") ? value : `http://${value}`;
  if (URL.canParse(text) && !isLoopbackHost(new URL(text).hostname)) return;
  throw new BoxkiteError(
    "CONFIG_INVALID",
    `containers: proxy is true, but ${name} is no address that a container could reach`,
    {
      hint: `let ${name} name the proxy by a name or address of the network, not by this machine's loopback`,
    },
  );
}

/** Undefined where nothing is asked for. */
export function additionsFor(inherited: Inherited, context: AdditionsContext): Additions | undefined {
  const parts = [
    ...(inherited.certificates === undefined ? [] : [certificateAdditions(context)]),
    ...(inherited.proxy === undefined ? [] : [proxyAdditions(inherited.proxy, context)]),
  ];
  if (parts.length === 0) return undefined;
  return {
    env: Object.assign({}, ...parts.map(({ env }) => env)) as Env,
    note: `by the server's settings: ${parts.map(({ note }) => note).join("; ")}`,
  };
}

function certificateAdditions({ image, task }: AdditionsContext): Additions {
  const names = CA_VARIABLES.filter((name) => image[name] === undefined && task[name] === undefined);
  return {
    env: Object.fromEntries(names.map((name) => [name, CA_FILE])),
    note: `this machine's certificate authorities in ${CA_FILE} (${names.join(", ") || "no variable names it: all are set"})`,
  };
}

/** Both spellings, since each tool reads its own; where one is set already, none is added. */
function proxyAdditions(proxy: Env, { image, task, serverHost }: AdditionsContext): Additions {
  const own = (name: string) =>
    [task, image].flatMap((env) => env[name.toLowerCase()] ?? env[name] ?? []).at(0);
  const names = PROXIES.filter((name) => proxy[name] !== undefined && own(name) === undefined);
  const exceptions = [own("NO_PROXY") ?? proxy["NO_PROXY"] ?? "", serverHost.replace(/^\[|\]$/g, "")];
  const pairs: [string, string][] = [
    ...names.map((name): [string, string] => [name, proxy[name] ?? ""]),
    // The server is never reached through a proxy, whatever else is excepted.
    ["NO_PROXY", exceptions.filter(Boolean).join(",")],
  ];
  return {
    env: Object.fromEntries(
      pairs.flatMap(([name, value]) => [
        [name, value],
        [name.toLowerCase(), value],
      ]),
    ),
    note: `the server's proxy settings (${pairs.map(([name]) => name).join(", ")})`,
  };
}
