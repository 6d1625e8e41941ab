/** The value of the Authorization header: credentials, or a token of the registry's token service. */
import { createHash } from "node:crypto";
import type { Clock } from "../../lib/clock.ts";
import {
  basicAuthorization,
  decodeToken,
  tokenRequest,
  type Challenge,
  type Token,
} from "./authorization.ts";
import type { Connections } from "./connections.ts";
import type { Credential } from "./credentials.ts";
import { noToken, registryRefusal, unreachable, type Requested } from "./refusal.ts";
import { isInsecure } from "./registries.ts";

/** Who asks for what: tokens and failures of one login are not those of another. */
export interface Access {
  /** `host/repository`. */
  readonly name: string;
  readonly repository: string;
  readonly credential: Credential | undefined;
}

export function accessKey({ name, credential }: Access): string {
  const login = createHash("sha256")
    .update(JSON.stringify(credential ?? null))
    .digest("base64url");
  return `${name} ${login}`;
}

export class Tokens {
  readonly #connections: Connections;
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #tokens = new Map<string, Token>();

  /** `limitMs`: for a request to a token service. */
  constructor(connections: Connections, clock: Clock, limitMs: number) {
    this.#connections = connections;
    this.#clock = clock;
    this.#limitMs = limitMs;
  }

  /** Throws IMAGE_UNAUTHORIZED, REGISTRY_RATE_LIMITED or REGISTRY_UNREACHABLE. */
  async authorization(
    requested: Requested,
    access: Access,
    challenge: Challenge | undefined,
  ): Promise<string | undefined> {
    if (challenge === undefined) return undefined;
    if (challenge.scheme === "basic") return basicAuthorization(access.credential);
    const key = accessKey(access);
    const known = this.#tokens.get(key);
    if (known && this.#clock.now() < known.expiresAtMs) return `Bearer ${known.value}`;
    const token = await this.#fetch(requested, access, challenge);
    if (token) this.#tokens.set(key, token);
    return token && `Bearer ${token.value}`;
  }

  /** After a token was refused. */
  forget(access: Access): void {
    this.#tokens.delete(accessKey(access));
  }

  async #fetch(
    requested: Requested,
    { repository, credential }: Access,
    challenge: Challenge,
  ): Promise<Token | undefined> {
    // The challenge of the first contact has no scope, that of another repository has the wrong one.
    const { scope: _scope, ...parameters } = challenge.parameters;
    const request = tokenRequest({ ...challenge, parameters }, repository, credential);
    if (request === undefined) return undefined;
    const service = { ...requested, url: request.url.split("?")[0] ?? "" };
    // A registry must not be able to make us send a password without TLS.
    if (request.url.startsWith("http:") && !isInsecure(requested.registries, requested.host))
      throw unreachable(service, "it has no TLS");
    const reply = await this.#connections.send(requested.host, request, this.#limitMs);
    if (reply.status < 200 || reply.status > 299) throw registryRefusal(service, reply, this.#clock.now());
    const token = decodeToken(reply.text, this.#clock.now());
    if (token === undefined) throw noToken(service, reply);
    return token;
  }
}
