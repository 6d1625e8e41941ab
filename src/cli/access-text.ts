/** Who may connect, with what, and who is responsible for TLS, in words: for the banner and for `boxkite doctor`. */
import { hostPort } from "../lib/host-port.ts";
import { dayOf } from "../server/tls/certificates.ts";
import { selfSignedFiles } from "../server/tls/self-signed.ts";
import { isOpen, type AccessSettings } from "./access-settings.ts";
import { isEveryAddress } from "./own-addresses.ts";
import { tlsDirectory } from "./tls.ts";

export interface DescribedAccess {
  readonly access: AccessSettings;
  /** That the server listens on. */
  readonly port: number;
  /** Whether attempts run in containers. */
  readonly hasContainers: boolean;
  readonly data: { readonly path: string };
  /** When the certificate that is served expires, in milliseconds since the epoch. Undefined without TLS. */
  readonly certificateUntilMs: number | undefined;
}

/** Rows of a name and a text. */
export function accessLines(from: DescribedAccess): readonly (readonly [name: string, text: string])[] {
  const tls = tlsText(from);
  return [
    ["Open to", openTo(from)],
    ["Login", loginText(from)],
    ...(tls === undefined ? [] : [["TLS", tls] as const]),
  ];
}

export function openTo({ access, port, hasContainers }: DescribedAccess): string {
  const { host, proxyRanges } = access;
  const own = hasContainers ? "this machine and its containers" : "this machine";
  const others = [
    host !== undefined &&
      `whoever reaches ${isEveryAddress(host) ? `any address of this machine, port ${port}` : hostPort(host, port)}`,
    proxyRanges.length > 0 && `whoever the proxy at ${proxyRanges.join(", ")} lets in`,
  ].filter((each) => each !== false);
  return [own, ...others].join(", and ");
}

export function loginText({ access }: Pick<DescribedAccess, "access">): string {
  if (access.insecureNoAuth)
    return "NONE, FOR OTHER MACHINES EITHER (--insecure-no-auth): whoever connects may do everything";
  return access.auth === "tokens"
    ? "with a token (--auth tokens)"
    : "none: whoever connects may do everything (--auth off)";
}

/** Undefined where nobody outside could need it. */
function tlsText({ access, data, certificateUntilMs }: DescribedAccess): string | undefined {
  const { tls, proxyRanges } = access;
  if (tls !== undefined) {
    const until = certificateUntilMs === undefined ? "" : `, valid until ${dayOf(certificateUntilMs)}`;
    if (tls.kind === "files") return `by the server, with ${tls.files.certificate}${until}`;
    const { authority } = selfSignedFiles(tlsDirectory(data.path));
    return `by the server, with a certificate of its own${until}; for clients: caCertFilePath: ${authority}`;
  }
  if (proxyRanges.length > 0) return "by the proxy";
  return isOpen(access) ? "none: what is sent can be read on the way" : undefined;
}
