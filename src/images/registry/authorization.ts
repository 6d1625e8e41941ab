/** Authorization for a registry: the challenge of a 401, answered with Basic or with a bearer token. */
import type { Credential } from "./credentials.ts";

export interface Challenge {
  readonly scheme: "basic" | "bearer";
  readonly parameters: Readonly<Record<string, string>>;
}

export interface Token {
  readonly value: string;
  readonly expiresAtMs: number;
}

/** Undefined for an unsupported scheme. */
export function parseChallenge(header: string | null): Challenge | undefined {
  const match = /^\s*(basic|bearer)\b\s*(.*)$/is.exec(header ?? "");
  if (!match?.[1]) return undefined;
  const parameters: Record<string, string> = {};
  for (const [, name = "", quoted, bare] of (match[2] ?? "").matchAll(
    /([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/gi,
  )) {
    parameters[name.toLowerCase()] = quoted?.replace(/\\(.)/g, "$1") ?? bare ?? "";
  }
  return { scheme: match[1].toLowerCase() === "basic" ? "basic" : "bearer", parameters };
}

export function basicAuthorization(credential: Credential | undefined): string | undefined {
  if (credential?.kind !== "password") return undefined;
  return `Basic ${Buffer.from(`${credential.username}:${credential.password}`).toString("base64")}`;
}

/** The request to the token service, as documented by the distribution project. */
export function tokenRequest(
  challenge: Challenge,
  repository: string,
  credential: Credential | undefined,
): Request | undefined {
  const { realm, service, scope = `repository:${repository}:pull` } = challenge.parameters;
  if (realm === undefined || !URL.canParse(realm)) return undefined;
  if (credential?.kind === "identity") {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      refresh_token: credential.token,
      scope,
      client_id: "boxkite",
    });
    if (service !== undefined) form.set("service", service);
    return new Request(realm, { method: "POST", body: form });
  }
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set("service", service);
  url.searchParams.set("scope", scope);
  const authorization = basicAuthorization(credential);
  return new Request(url, { headers: authorization === undefined ? {} : { Authorization: authorization } });
}

/** Tokens are valid for 60 s unless the service states otherwise; they are renewed 10 s before they expire. */
export function decodeToken(text: string, nowMs: number): Token | undefined {
  let raw: { token?: unknown; access_token?: unknown; expires_in?: unknown };
  try {
    raw = JSON.parse(text) as typeof raw;
  } catch {
    return undefined;
  }
  const value = raw.token ?? raw.access_token;
  if (typeof value !== "string" || value === "") return undefined;
  const seconds = typeof raw.expires_in === "number" ? raw.expires_in : 60;
  return { value, expiresAtMs: nowMs + Math.max(seconds - 10, 1) * 1000 };
}
