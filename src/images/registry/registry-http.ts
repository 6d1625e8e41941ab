/** Requests to a registry: scheme, authorization, limits, and errors. */
import type { BoxkiteError } from "../../domain/errors.ts";
import type { Clock } from "../../lib/clock.ts";
import { imageRepository, type ImageReference } from "../reference.ts";
import {
  basicAuthorization,
  decodeToken,
  parseChallenge,
  tokenRequest,
  type Challenge,
  type Token,
} from "./authorization.ts";
import type { Credential, CredentialSource } from "./credentials.ts";
import { causeOf, registryRefusal, unreachable } from "./refusal.ts";
import { isInsecure, type Registries } from "./registries.ts";
import { createTransport, type Transport } from "./transport.ts";

export interface RegistryHttpOptions {
  readonly credentials: CredentialSource;
  readonly registries: Registries;
  /** The environment with the proxy variables. */
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
}

export interface RegistryResponse {
  readonly bytes: Buffer;
  readonly headers: Headers;
}

/** The time limit for the first contact with a host, after which it is reported as unreachable. */
const CONTACT_TIMEOUT_MS = 5_000;
/** A registry that proxies another one may have to fetch the content first. */
const REQUEST_TIMEOUT_MS = 30_000;
/** How long an unreachable host is not asked again, so that not every run waits for it. */
const UNREACHABLE_FOR_MS = 15_000;
/** Registries limit manifests to 4 MiB; configurations are smaller. */
const MAX_BYTES = 8 * 1024 * 1024;

export class RegistryHttp {
  readonly #options: RegistryHttpOptions;
  readonly #contacted = new Map<string, Promise<void>>();
  readonly #failed = new Map<string, { readonly error: unknown; readonly untilMs: number }>();
  readonly #challenges = new Map<string, Challenge>();
  readonly #tokens = new Map<string, Token>();
  readonly #transports = new Map<string, Transport>();

  constructor(options: RegistryHttpOptions) {
    this.#options = options;
  }

  /** GET of `/v2/<repository>/<path>`. Throws IMAGE_* or REGISTRY_UNREACHABLE for everything but success. */
  async get(image: ImageReference, path: string, accept: string): Promise<RegistryResponse> {
    await this.#contact(image.host);
    const url = `${this.#origin(image.host)}/v2/${image.repository}/${path}`;
    let authorization = await this.#authorization(image, this.#challenges.get(image.host));
    for (let first = true; ; first = false) {
      const headers = {
        Accept: accept,
        ...(authorization !== undefined && { Authorization: authorization }),
      };
      const response = await this.#send(image.host, new Request(url, { headers }), REQUEST_TIMEOUT_MS);
      if (response.ok) return { bytes: await this.#bytesOf(image.host, response), headers: response.headers };
      const answer = (await this.#bytesOf(image.host, response)).toString();
      const challenge = parseChallenge(response.headers.get("www-authenticate"));
      if (response.status === 401 && first && challenge !== undefined) {
        this.#challenges.set(image.host, challenge);
        this.#tokens.delete(imageRepository(image));
        authorization = await this.#authorization(image, challenge);
        continue;
      }
      throw registryRefusal(image, response.status, answer, this.#options.registries);
    }
  }

  /** Concurrent first requests to a host share one attempt, whose failure is cached for some time. */
  async #contact(host: string): Promise<void> {
    const failed = this.#failed.get(host);
    if (failed && this.#options.clock.now() < failed.untilMs) throw failed.error;
    const known = this.#contacted.get(host);
    if (known) return known;
    const contact = this.#ping(host);
    this.#contacted.set(host, contact);
    try {
      await contact;
      this.#failed.delete(host);
    } catch (error) {
      this.#contacted.delete(host);
      this.#failed.set(host, { error, untilMs: this.#options.clock.now() + UNREACHABLE_FOR_MS });
      throw error;
    }
  }

  async #ping(host: string): Promise<void> {
    const response = await this.#send(host, new Request(`${this.#origin(host)}/v2/`), CONTACT_TIMEOUT_MS);
    await response.body?.cancel();
    if (response.status >= 500) throw this.#unreachable(host, `it answered with status ${response.status}`);
    const challenge = parseChallenge(response.headers.get("www-authenticate"));
    if (response.status === 401 && challenge !== undefined) this.#challenges.set(host, challenge);
  }

  async #authorization(image: ImageReference, challenge: Challenge | undefined): Promise<string | undefined> {
    if (challenge === undefined) return undefined;
    const credential = await this.#options.credentials(image.host, image.repository);
    if (challenge.scheme === "basic") return basicAuthorization(credential);
    const name = imageRepository(image);
    const known = this.#tokens.get(name);
    if (known && this.#options.clock.now() < known.expiresAtMs) return `Bearer ${known.value}`;
    const token = await this.#fetchToken(image, challenge, credential);
    if (token) this.#tokens.set(name, token);
    return token && `Bearer ${token.value}`;
  }

  async #fetchToken(
    image: ImageReference,
    challenge: Challenge,
    credential: Credential | undefined,
  ): Promise<Token | undefined> {
    // The challenge of the first contact has no scope, that of another repository has the wrong one.
    const { scope: _scope, ...parameters } = challenge.parameters;
    const request = tokenRequest({ ...challenge, parameters }, image.repository, credential);
    if (request === undefined) return undefined;
    // A registry must not be able to make us send a password without TLS.
    if (request.url.startsWith("http:") && !isInsecure(this.#options.registries, image.host)) {
      throw this.#unreachable(image.host, `its token service ${request.url.split("?")[0]} has no TLS`);
    }
    const response = await this.#send(image.host, request, REQUEST_TIMEOUT_MS);
    const text = (await this.#bytesOf(image.host, response)).toString();
    if (response.status === 401 || response.status === 403)
      throw registryRefusal(image, response.status, text, this.#options.registries);
    if (!response.ok)
      throw this.#unreachable(image.host, `its token service answered with status ${response.status}`);
    return decodeToken(text, this.#options.clock.now());
  }

  /** The certificate authority of a registry is also trusted for its token service. */
  async #send(registry: string, request: Request, timeoutMs: number): Promise<Response> {
    try {
      return await this.#transport(registry)(request, AbortSignal.timeout(timeoutMs));
    } catch (error) {
      const { host, origin } = new URL(request.url);
      const service = origin === this.#origin(registry) ? "" : `its token service ${host}: `;
      throw this.#unreachable(registry, `${service}${causeOf(error, timeoutMs)}`, error);
    }
  }

  #transport(registry: string): Transport {
    let transport = this.#transports.get(registry);
    if (transport === undefined) {
      const { env, registries } = this.#options;
      transport = createTransport({ env, caFile: registries.get(registry)?.caFile });
      this.#transports.set(registry, transport);
    }
    return transport;
  }

  async #bytesOf(host: string, response: Response): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    try {
      for await (const chunk of response.body ?? []) {
        size += chunk.length;
        if (size > MAX_BYTES) throw new Error(`the answer is larger than ${MAX_BYTES} bytes`);
        chunks.push(chunk);
      }
    } catch (error) {
      throw this.#unreachable(host, causeOf(error, REQUEST_TIMEOUT_MS), error);
    }
    return Buffer.concat(chunks);
  }

  #unreachable(host: string, why: string, cause?: unknown): BoxkiteError {
    return unreachable(this.#options.registries, host, why, cause);
  }

  #origin(host: string): string {
    const scheme = isInsecure(this.#options.registries, host) ? "http" : "https";
    return `${scheme}://${host === "docker.io" ? "registry-1.docker.io" : host}`;
  }
}
