/** What a registry's error responses mean, and failures of connections to it. */
import { UNTRUSTED_AUTHORITY } from "../../lib/errno.ts";
import type { ErrorCode } from "../../domain/errors.ts";
import type { FailureRow } from "../../lib/failure-table.ts";
import { contactHint, contactUrl, loginHint, pageHint, rateLimitHint, waitText } from "./hints.ts";
import type { Registries } from "./registries.ts";

export interface ConnectionContext {
  readonly registries: Registries;
  readonly host: string;
  /** What was contacted: the registry, or the token service to which it sends clients. */
  readonly url: string;
}

export interface RegistryContext extends ConnectionContext {
  /** What was requested: an image with its tag or digest, or a part of one. */
  readonly name: string;
  /** The response in words. */
  readonly why: string;
  /** Whether the response is a page for people instead of one for programs. */
  readonly isPage: boolean;
  /** Whether the request was made with credentials. */
  readonly isLoggedIn: boolean;
  /** From the header Retry-After, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

type RegistryRow = FailureRow<ErrorCode, RegistryContext>;

/** `what` continues "registry HOST". */
export const REGISTRY_ANSWERS: readonly RegistryRow[] = [
  {
    answers: { status: [429, 429], text: /"TOOMANYREQUESTS"/i },
    code: "REGISTRY_RATE_LIMITED",
    kind: "system",
    retry: "later",
    what: ({ name, why, retryAfterMs }) =>
      `limits its requests, and the limit is reached: it does not return ${name} now: ${why}${waitText(retryAfterMs)}`,
    hint: rateLimitHint,
    source: "RFC 6585; OCI distribution specification: TOOMANYREQUESTS",
  },
  {
    answers: { status: [401, 401] },
    code: "IMAGE_UNAUTHORIZED",
    kind: "user",
    retry: "never",
    what: ({ name, why }) => `does not let us read ${name}: ${why}`,
    hint: loginHint,
    source: "OCI distribution specification: UNAUTHORIZED",
  },
  {
    // Of a token service: the refresh token of a login that has ended (RFC 6749, section 5.2).
    answers: { status: [400, 400] },
    when: ({ isLoggedIn, registries, host, url }) =>
      isLoggedIn && !url.startsWith(contactUrl(registries, host)),
    code: "IMAGE_UNAUTHORIZED",
    kind: "user",
    retry: "never",
    what: ({ name, why }) => `does not let us read ${name}: ${why}`,
    hint: loginHint,
    source: "RFC 6749: invalid_grant",
  },
  {
    answers: { status: [402, 403] },
    code: "IMAGE_UNAUTHORIZED",
    kind: "user",
    retry: "never",
    what: ({ name, why }) => `does not let us read ${name}: ${why}`,
    hint: (context) =>
      `${loginHint(context)}${context.isPage ? `. The response is a page for people: if a proxy or a firewall sent it, ask for access to ${context.host}` : ""}`,
    source: "OCI distribution specification: DENIED; 402 of registries whose account is not paid",
  },
  {
    answers: { status: [404, 404] },
    when: ({ isPage }) => isPage,
    code: "IMAGE_NOT_FOUND",
    kind: "user",
    retry: "never",
    what: ({ name, why }) => `has no image ${name}: it answers as a web site, not as a registry: ${why}`,
    hint: ({ host }) => `is ${host} a container registry? Correct the host in the image's name`,
    source: "web servers and gateways; a registry answers in JSON",
  },
  {
    answers: { status: [404, 404] },
    code: "IMAGE_NOT_FOUND",
    kind: "user",
    retry: "never",
    what: ({ name, why }) => `has no image ${name}: ${why}`,
    hint: () => "check repository and tag, and that it was pushed: podman push NAME",
    source: "OCI distribution specification: MANIFEST_UNKNOWN, NAME_UNKNOWN",
  },
  {
    answers: { status: [300, 399] },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "never",
    what: ({ why }) => `cannot be asked: it redirects requests without end: ${why}`,
    hint: (context) => `the registry, or a proxy in between, is set up wrongly. ${contactHint(context)}`,
    source: "RFC 9110, section 15.4",
  },
  {
    answers: { status: [407, 407] },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "never",
    what: ({ why }) => `cannot be asked: the proxy requires a login: ${why}`,
    hint: () =>
      "start the server with the login in HTTPS_PROXY (or HTTP_PROXY): http://USER:PASSWORD@HOST:PORT",
    source: "RFC 9110, section 15.5.8",
  },
  {
    answers: { text: /HTTP request (was sent )?to (an )?HTTPS (server|port)/i },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "never",
    what: () => "cannot be asked: it expects TLS",
    hint: ({ host }) => `say so in the settings file: registries: ${host}: insecure: false`,
    source: "Go's net/http, nginx: plain HTTP at a port with TLS",
  },
  {
    answers: { status: [500, 599] },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "later",
    what: ({ why, retryAfterMs }) =>
      `cannot be asked: it has a fault of its own: ${why}${waitText(retryAfterMs)}`,
    hint: ({ host }) =>
      `${host} can be reached, but it or a gateway in front of it fails: see its log or its status page, and run again later`,
    source: "RFC 9110, section 15.6",
  },
  {
    answers: { status: [400, 499] },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "never",
    what: ({ why }) => `cannot be asked: it refused the request: ${why}`,
    hint: (context) => (context.isPage ? pageHint(context) : contactHint(context)),
    source: "RFC 9110, section 15.5",
  },
];

export const REGISTRY_CONNECTION_FAILURES: readonly FailureRow<ErrorCode, ConnectionContext>[] = [
  {
    answers: {
      errno: UNTRUSTED_AUTHORITY,
    },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "never",
    hint: ({ host }) =>
      `name the authority that signed its certificate in the settings file: registries: ${host}: ca-file`,
    source: "OpenSSL, for a certificate that no trusted authority signed",
  },
  {
    answers: { errno: ["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"] },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "never",
    hint: ({ url }) =>
      `if this machine's clock is right, the certificate of ${new URL(url).host} has to be renewed by its operator`,
    source: "OpenSSL, for the dates of a certificate",
  },
  {
    answers: { errno: ["ERR_TLS_CERT_ALTNAME_INVALID"] },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "never",
    hint: ({ url }) =>
      `write the host as its certificate names it; if ${new URL(url).host} is right, a proxy or a sign-in page may answer instead of it`,
    source: "Node's tls, for a certificate of another name",
  },
  {
    answers: { errno: ["ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_PACKET_LENGTH_TOO_LONG", "EPROTO"] },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "never",
    hint: ({ host }) =>
      `if it speaks plain HTTP, say so in the settings file: registries: ${host}: insecure: true`,
    source: "OpenSSL, for an answer in plain HTTP",
  },
  {
    answers: { errno: ["ERR_PROXY_TUNNEL"] },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "never",
    hint: ({ host }) =>
      `check the address and the login in HTTPS_PROXY, or except the registry from it: NO_PROXY=${host}`,
    source: "Node's https, where a proxy refuses CONNECT",
  },
  {
    answers: { errno: ["ENOTFOUND"] },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "later",
    hint: ({ url }) =>
      `no host has this name, as far as this machine can tell: check the spelling of ${new URL(url).hostname}, the network and a VPN`,
    source: "getaddrinfo(3), EAI_NONAME",
  },
  {
    answers: { errno: ["EAI_AGAIN"] },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "later",
    hint: ({ url }) =>
      `the name service of this machine does not answer; try: getent hosts ${new URL(url).hostname}`,
    source: "getaddrinfo(3), EAI_AGAIN",
  },
  {
    answers: { errno: ["ETIMEDOUT"] },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "never",
    hint: ({ url }) => `it is overloaded, or a firewall or proxy holds requests back. Try: curl -i ${url}`,
    source: "connect(2), and the time limits of registry-http.ts, which asks twice",
  },
  {
    answers: { errno: ["HPE_INVALID_CONSTANT", "HPE_INVALID_VERSION", "HPE_INVALID_HEADER_TOKEN"] },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "never",
    hint: (context) => `what listens there does not speak HTTP: check the port. ${contactHint(context)}`,
    source: "llhttp of Node",
  },
  {
    answers: { text: /^/ },
    code: "REGISTRY_UNREACHABLE",
    kind: "system",
    retry: "later",
    hint: contactHint,
    source: "connect(2), and connections that break off",
  },
];
