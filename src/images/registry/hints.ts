/** What to do about a registry that refuses, fails, or cannot be reached. */
import type { ConnectionContext, RegistryContext } from "./failures.ts";
import { isInsecure, type Registries } from "./registries.ts";

/** Credentials that are missing, and those that a registry refuses. */
export function loginHint({ registries, host, isLoggedIn }: RegistryContext): string {
  const refused = isLoggedIn
    ? "it was asked with credentials, which are wrong, have expired or may not read this: "
    : "it was asked without credentials: ";
  return `${refused}${loginAdvice(registries, host)}; a registry also says this of a repository that does not exist: check the name`;
}

export function rateLimitHint({ registries, host, isLoggedIn, retryAfterMs }: RegistryContext): string {
  const wait = retryAfterMs === undefined ? "wait" : `wait ${durationText(retryAfterMs)}`;
  return isLoggedIn
    ? `${wait}, or use an account or a mirror with a higher limit`
    : `registries allow more with a login: ${loginAdvice(registries, host)}; or ${wait} and run again`;
}

function loginAdvice(registries: Registries, host: string): string {
  return registries.get(host)?.login === undefined
    ? `log in with podman login ${host} (or docker login ${host}), or put its credentials under registries: in the settings file`
    : `the credentials are those of registries: ${host} in the settings file: check them, and what they may read`;
}

/** For a page for people where a response for programs was expected. */
export function pageHint({ host, url }: ConnectionContext): string {
  return `something in between answers instead of ${host}, such as a proxy or the sign-in page of a network: sign in there, or start the server with HTTPS_PROXY set. Try: curl -i ${url}`;
}

export function contactHint({ registries, host, url }: ConnectionContext): string {
  if (!url.startsWith(originOf(registries, host)))
    return `${host} answers, but sends clients to ${url} for a token: is that reachable from this machine? Try: curl -i ${url}`;
  const assumed = isInsecure(registries, host) && registries.get(host)?.insecure === undefined;
  const other = assumed
    ? `; if it has TLS, say so in the settings file: registries: ${host}: insecure: false`
    : "";
  return `is ${host} right, and reachable from this machine? Try: curl -i ${url}${other}`;
}

/** By which clients check that a registry answers. */
export function contactUrl(registries: Registries, host: string): string {
  return `${originOf(registries, host)}/v2/`;
}

/** `https://registry.example.com`: where the API of the registry is. */
export function originOf(registries: Registries, host: string): string {
  const scheme = isInsecure(registries, host) ? "http" : "https";
  return `${scheme}://${host === "docker.io" ? "registry-1.docker.io" : host}`;
}

export function waitText(ms: number | undefined): string {
  return ms === undefined ? "" : `; it asks to wait ${durationText(ms)}`;
}

function durationText(ms: number): string {
  if (ms < 120_000) return `${Math.ceil(ms / 1000)} s`;
  return ms < 7_200_000 ? `${Math.ceil(ms / 60_000)} min` : `${Math.ceil(ms / 3_600_000)} h`;
}
