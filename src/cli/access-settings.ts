/** Who may connect to `boxkite up`, how, and what they have to prove; and which combinations are refused. */
import { isIP } from "node:net";
import { AUTH_MODES, isAuthMode, type AuthMode } from "../domain/auth-mode.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { isLoopback } from "../lib/loopback.ts";
import { parseProxies, type Proxies } from "../server/proxies.ts";
import type { KeyPairFiles } from "../server/tls/key-pair.ts";
import { invalidSetting, yesOrNo } from "./check-setting.ts";
import type { CommandInput } from "./command.ts";
import { findPath, findSetting, type Setting, type SettingName, type SettingsFile } from "./settings-file.ts";

export interface AccessSettings {
  /** An address at which other machines connect. */
  readonly host: string | undefined;
  readonly auth: AuthMode;
  /** Other machines may connect although nobody proves who they are. */
  readonly insecureNoAuth: boolean;
  /** TLS of the server itself. */
  readonly tls:
    | { readonly kind: "files"; readonly files: KeyPairFiles }
    | { readonly kind: "self-signed" }
    | undefined;
  readonly proxies: Proxies | undefined;
  /** As they were written. */
  readonly proxyRanges: readonly string[];
  /** DNS names by which clients know the server, besides those of this machine. */
  readonly serverNames: readonly string[];
}

const DNS_NAME = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;

/** Throws CONFIG_INVALID naming the setting, or what has to be added to it. */
export function readAccess(input: CommandInput, file: SettingsFile): AccessSettings {
  const lookUp = (name: SettingName) => findSetting(name, input, file);
  const auth = lookUp("auth");
  if (auth !== undefined && !isAuthMode(auth.value))
    throw invalidSetting(auth, `one of ${AUTH_MODES.join(", ")}`);
  const proxyRanges = listOf(lookUp("behind-proxy"));
  const access: AccessSettings = {
    host: readHost(lookUp("host")),
    auth: (auth?.value as AuthMode | undefined) ?? "off",
    insecureNoAuth: yesOrNo(lookUp("insecure-no-auth")),
    tls: readTls(input, file),
    proxies: readProxies(lookUp("behind-proxy"), proxyRanges),
    proxyRanges,
    serverNames: readNames(lookUp("server-name")),
  };
  checkAccess(access);
  return access;
}

/** Whether requests of other machines arrive: directly, or through a proxy. */
export function isOpen({ host, proxies }: Pick<AccessSettings, "host" | "proxies">): boolean {
  return (host !== undefined && !isLoopback(host)) || proxies !== undefined;
}

const TLS_OPTIONS = "--tls-self-signed, or --tls-cert FILE --tls-key FILE, or --behind-proxy ADDRESSES";

function checkAccess(access: AccessSettings): void {
  const { host, auth, insecureNoAuth, tls, proxies } = access;
  const opened = host === undefined ? "--behind-proxy" : `--host ${host}`;
  const isProtected = tls !== undefined || proxies !== undefined;
  if (insecureNoAuth && auth !== "off")
    throw invalid(`--insecure-no-auth and --auth ${auth} exclude each other`);
  if (!isOpen(access)) {
    if (!insecureNoAuth) return;
    throw invalid(
      "--insecure-no-auth is set, but other machines cannot connect",
      "leave it out, or add --host",
    );
  }
  if (auth === "off" && !insecureNoAuth) {
    const tokens = `add --auth tokens${isProtected ? "" : `, and one of: ${TLS_OPTIONS}`}`;
    throw invalid(
      `${opened} lets other machines connect, and nobody has to log in`,
      `${tokens}; only where everybody on that network may do everything: --insecure-no-auth`,
    );
  }
  if (auth !== "off" && !isProtected)
    throw invalid(
      `${opened} without TLS would send tokens over the network as plain text`,
      `add ${TLS_OPTIONS}`,
    );
}

function invalid(message: string, hint?: string): BoxkiteError {
  return new BoxkiteError("CONFIG_INVALID", message, { hint });
}

function readHost(setting: Setting | undefined): string | undefined {
  if (setting === undefined || isIP(setting.value) !== 0) return setting?.value;
  throw invalidSetting(setting, "an IP address of this machine, or 0.0.0.0 for all of them");
}

function readTls(input: CommandInput, file: SettingsFile): AccessSettings["tls"] {
  const certificate = findPath("tls-cert", input, file);
  const key = findPath("tls-key", input, file);
  const selfSigned = findSetting("tls-self-signed", input, file);
  const given = certificate ?? key;
  if (given === undefined) return yesOrNo(selfSigned) ? { kind: "self-signed" } : undefined;
  if (yesOrNo(selfSigned)) throw invalid(`${selfSigned?.origin} and ${given.origin} exclude each other`);
  if (certificate === undefined || key === undefined) {
    const missing = certificate === undefined ? "--tls-cert" : "--tls-key";
    throw invalid(
      `${given.origin} is set and ${missing} is not`,
      "give both: --tls-cert FILE --tls-key FILE",
    );
  }
  return { kind: "files", files: { certificate: certificate.value, key: key.value } };
}

function readProxies(setting: Setting | undefined, ranges: readonly string[]): Proxies | undefined {
  if (setting === undefined) return undefined;
  const proxies = ranges.length === 0 ? undefined : parseProxies(ranges);
  if (proxies !== undefined) return proxies;
  throw invalidSetting(setting, "IP addresses or networks of proxies, such as 192.0.2.1,10.0.0.0/8");
}

function readNames(setting: Setting | undefined): readonly string[] {
  const names = listOf(setting).map((name) => name.toLowerCase());
  if (setting === undefined || (names.length > 0 && names.every((name) => DNS_NAME.test(name)))) return names;
  throw invalidSetting(setting, "DNS names, with commas between them");
}

function listOf(setting: Setting | undefined): string[] {
  return (setting?.value ?? "")
    .split(",")
    .map((each) => each.trim())
    .filter(Boolean);
}
