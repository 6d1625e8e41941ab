/** Who may connect, with what, and who is responsible for TLS, in words: for the banner and for `boxkite doctor`. */
import { loginOf, type ContainerConnections } from "../domain/auth-mode.ts";
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
  /** Undefined where attempts run in no containers. */
  readonly containerConnections: ContainerConnections | undefined;
  /** Of the listener that task containers have to themselves, where it is known. */
  readonly taskPort?: number | undefined;
  readonly data: { readonly path: string };
  /** When the certificate that is served expires, in milliseconds since the epoch. Undefined without TLS. */
  readonly certificateUntilMs: number | undefined;
}

/** Rows of a name and a text. */
export function accessLines(from: DescribedAccess): readonly (readonly [name: string, text: string])[] {
  const tls = tlsText(from);
  const tasks = tasksText(from);
  return [
    ["Open to", openTo(from)],
    ["Login", loginText(from)],
    ...(tasks === undefined ? [] : [["Tasks", tasks] as const]),
    ...(tls === undefined ? [] : [["TLS", tls] as const]),
  ];
}

export function openTo({ access, port, containerConnections }: DescribedAccess): string {
  const { host, proxyRanges } = access;
  const own = containerConnections !== undefined ? "this machine and its containers" : "this machine";
  const others = [
    host !== undefined &&
      `whoever reaches ${isEveryAddress(host) ? `any address of this machine, port ${port}` : hostPort(host, port)}`,
    proxyRanges.length > 0 && `whoever the proxy at ${proxyRanges.join(", ")} lets in`,
  ].filter((each) => each !== false);
  return [own, ...others].join(", and ");
}

export function loginText({ access, containerConnections }: DescribedAccess): string {
  if (access.insecureNoAuth)
    return "NONE, FOR OTHER MACHINES EITHER (--insecure-no-auth): whoever connects may do everything";
  switch (loginOf(access.auth, containerConnections, false)) {
    case "token":
      return "with a token (--auth tokens)";
    case "local-secret":
      return "with the local login secret, which boxkite config create writes for clients";
    case "none":
      return "none: whoever connects may do everything (--auth off)";
  }
}

/** How task containers are told from people; undefined where there are none. */
function tasksText({ access, containerConnections, taskPort }: DescribedAccess): string | undefined {
  if (containerConnections === undefined) return undefined;
  if (containerConnections === "bridge")
    return "containers come over the engine's bridge, where a call needs the token of its task";
  const port = taskPort === undefined ? "a port of their own" : `port ${taskPort}`;
  const people = loginOf(access.auth, containerConnections, access.insecureNoAuth);
  return `containers come over loopback: they use ${port}${PEOPLE_NEED[people]}`;
}

const PEOPLE_NEED = {
  none: "; on the other one they may do what whoever connects may do",
  token: ", and people need a token",
  "local-secret": ", and people need the local login secret: boxkite config create",
} as const;

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
