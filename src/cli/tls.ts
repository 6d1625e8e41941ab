/** TLS as the settings ask for it: from files of the operator, or from the server's own authority. */
import { isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { openCertificates, type Certificates } from "../server/tls/certificates.ts";
import { ensureSelfSigned, selfSignedFiles } from "../server/tls/self-signed.ts";
import type { AccessSettings } from "./access-settings.ts";
import { isEveryAddress, ownAddresses } from "./own-addresses.ts";

/** Below the data directory: the authority, the certificate, and the keys of both. */
export function tlsDirectory(dataDirectory: string): string {
  return join(dataDirectory, "tls");
}

/** Undefined without TLS. Throws CONFIG_INVALID when the files cannot be served. */
export async function openTls(
  access: AccessSettings,
  dataDirectory: string,
  context: { readonly clock: Clock; readonly log: Logger },
): Promise<Certificates | undefined> {
  const { tls } = access;
  if (tls === undefined) return undefined;
  if (tls.kind === "files") return openCertificates({ files: tls.files, ...context });
  const directory = tlsDirectory(dataDirectory);
  const names = namesOf(access);
  const renew = () => ensureSelfSigned({ directory, names, ...context });
  return openCertificates({ files: selfSignedFiles(directory), renew, ...context });
}

/** SIGHUP has the files read at once. Without TLS it ends the server, as it does by default. */
export function reloadOnHangup(certificates: Certificates | undefined): () => void {
  if (certificates === undefined) return () => {};
  process.on("SIGHUP", certificates.reload);
  return () => process.off("SIGHUP", certificates.reload);
}

/** By which clients of this machine and of others know the server. */
export function namesOf(
  { host, serverNames }: Pick<AccessSettings, "host" | "serverNames">,
  interfaces = networkInterfaces,
): string[] {
  const addresses = host === undefined ? [] : isEveryAddress(host) ? ownAddresses(interfaces) : [host];
  const names = ["localhost", hostname().toLowerCase(), ...serverNames, "127.0.0.1", "::1", ...addresses];
  // An address of one interface only has that in it: "fe80::1%eth0".
  return [...new Set(names)].filter((name) => isIP(name) !== 0 || /^[\w.-]+$/u.test(name));
}
