/** The URL of the server for people and programs: in what it prints, in its log, and in the webhooks of conditions. */
import { X509Certificate } from "node:crypto";
import { hostPort } from "../lib/host-port.ts";
import { isOpen, type AccessSettings } from "./access-settings.ts";
import { isEveryAddress } from "./own-addresses.ts";

export interface PublicUrlOptions {
  readonly access: AccessSettings;
  /** That the server listens on. */
  readonly port: number;
  /** That it serves, in PEM; undefined without TLS. */
  readonly certificate: string | undefined;
}

/** Without a path. Where no name or address is set it is this machine's own, which works on it in every case. */
export function publicUrl({ access, port, certificate }: PublicUrlOptions): string {
  const { proxies, serverNames, tls } = access;
  const [name] = serverNames;
  // The proxy has the port of its scheme; the server's own is for the proxy only.
  if (proxies !== undefined && name !== undefined) return `https://${name}`;
  const scheme = tls === undefined ? "http" : "https";
  const known = tls === undefined && !isOpen(access) ? undefined : (name ?? nameIn(certificate));
  return new URL(`${scheme}://${hostPort(known ?? addressOf(access) ?? "localhost", port)}`).origin;
}

/** As clients of Flyte write an endpoint: with its port. */
export function endpointOf(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `dns:///${hostname}:${port || (protocol === "https:" ? "443" : "80")}`;
}

/** The first DNS name that stands for one host; undefined where `localhost` is one of them. */
function nameIn(certificate: string | undefined): string | undefined {
  if (certificate === undefined) return undefined;
  const { subjectAltName = "" } = new X509Certificate(certificate);
  const names = [...subjectAltName.matchAll(/DNS:([^,"\s]+)/gu)].map(([, name]) => name);
  return names.includes("localhost") ? undefined : names.find((name) => name?.includes("*") === false);
}

function addressOf({ host, proxies }: AccessSettings): string | undefined {
  return host === undefined || isEveryAddress(host) || proxies !== undefined ? undefined : host;
}
