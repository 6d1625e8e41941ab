/** Requests to a registry: first contact, authorization, limits, and errors. */
import { BoxkiteError } from "../../domain/errors.ts";
import { imageRepository, type ImageReference } from "../reference.ts";
import { parseChallenge, type Challenge } from "./authorization.ts";
import { Connections, type ConnectionsOptions } from "./connections.ts";
import type { CredentialSource } from "./credentials.ts";
import { contactUrl, originOf } from "./hints.ts";
import { RegistryRefusal, registryRefusal, type Requested } from "./refusal.ts";
import { RememberedFailures } from "./remembered-failures.ts";
import type { Reply } from "./reply.ts";
import { accessKey, Tokens, type Access } from "./tokens.ts";

export interface RegistryHttpOptions extends ConnectionsOptions {
  readonly credentials: CredentialSource;
}

/** For the first contact with a host, each of two tries. */
const CONTACT_TIMEOUT_MS = 5_000;
/** For every other request, each of two tries: a registry that proxies another one may have to fetch the content first. */
const REQUEST_TIMEOUT_MS = 10_000;
/** How long a host that cannot be reached is not asked again, so that not every run waits for it. */
const UNREACHABLE_FOR_MS = 15_000;
/** The same after an error response: shorter, because attempts are repeated after 1, 4 and 16 s. */
const FAILED_FOR_MS = 3_000;
/** Retry-After counts up to this. */
const LONGEST_RETRY_AFTER_MS = 600_000;

export class RegistryHttp {
  readonly #options: RegistryHttpOptions;
  readonly #connections: Connections;
  readonly #tokens: Tokens;
  readonly #failures: RememberedFailures;
  readonly #contacted = new Map<string, Promise<void>>();
  /** Of the first contact by host, of other requests by repository: each may have a token service of its own. */
  readonly #challenges = new Map<string, Challenge>();

  constructor(options: RegistryHttpOptions) {
    this.#options = options;
    this.#connections = new Connections(options);
    this.#tokens = new Tokens(this.#connections, options.clock, REQUEST_TIMEOUT_MS);
    this.#failures = new RememberedFailures(options.clock);
  }

  /** GET of `/v2/<repository>/<path>`. Throws IMAGE_* or REGISTRY_* for everything but success. */
  async get(
    image: ImageReference,
    path: string,
    accept: string,
    part: "whole" | "first byte" = "whole",
  ): Promise<Reply> {
    await this.#contact(image.host);
    const credential = await this.#options.credentials(image.host, image.repository);
    const access: Access = { name: imageRepository(image), repository: image.repository, credential };
    return await this.#remembering(accessKey(access), () =>
      this.#request(this.requested(image, path, credential !== undefined), access, {
        Accept: accept,
        ...(part === "first byte" && { Range: "bytes=0-0" }),
      }),
    );
  }

  /** Scheme, host and port at which the registry of this name is. */
  originOf(host: string): string {
    return originOf(this.#options.registries, host);
  }

  /** For messages about a request of `get`. */
  requested(image: ImageReference, path: string, isLoggedIn = false): Requested {
    const { registries } = this.#options;
    const version = image.digest === undefined ? `:${image.tag ?? "latest"}` : `@${image.digest}`;
    const url = `${originOf(registries, image.host)}/v2/${image.repository}/${path}`;
    return { registries, host: image.host, url, name: `${imageRepository(image)}${version}`, isLoggedIn };
  }

  async #request(
    requested: Requested,
    access: Access,
    asked: Readonly<Record<string, string>>,
  ): Promise<Reply> {
    const challenge = this.#challenges.get(access.name) ?? this.#challenges.get(requested.host);
    let authorization = await this.#tokens.authorization(requested, access, challenge);
    for (let first = true; ; first = false) {
      const headers = {
        ...asked,
        ...(authorization !== undefined && { Authorization: authorization }),
      };
      const request = new Request(requested.url, { headers });
      const reply = await this.#connections.send(requested.host, request, REQUEST_TIMEOUT_MS);
      if (isSuccess(reply)) return reply;
      const answered = parseChallenge(reply.headers.get("www-authenticate"));
      if (reply.status !== 401 || !first || answered === undefined)
        throw registryRefusal(requested, reply, this.#options.clock.now());
      this.#challenges.set(access.name, answered);
      this.#tokens.forget(access);
      authorization = await this.#tokens.authorization(requested, access, answered);
    }
  }

  /** Concurrent first requests to a host share one attempt. */
  async #contact(host: string): Promise<void> {
    const contact = this.#contacted.get(host) ?? this.#remembering(host, () => this.#ping(host));
    this.#contacted.set(host, contact);
    try {
      await contact;
    } catch (error) {
      this.#contacted.delete(host);
      throw error;
    }
  }

  async #ping(host: string): Promise<void> {
    const { registries, clock } = this.#options;
    const url = contactUrl(registries, host);
    const reply = await this.#connections.send(host, new Request(url), CONTACT_TIMEOUT_MS);
    if (reply.status >= 500 || reply.status === 429)
      throw registryRefusal({ registries, host, url, name: url, isLoggedIn: false }, reply, clock.now());
    const challenge = parseChallenge(reply.headers.get("www-authenticate"));
    if (reply.status === 401 && challenge !== undefined) this.#challenges.set(host, challenge);
  }

  /** Fails at once where the same has just failed. What a user mends, such as a missing image, may be mended by now. */
  async #remembering<T>(key: string, work: () => Promise<T>): Promise<T> {
    this.#failures.throwIfFailed(key);
    try {
      return await work();
    } catch (error) {
      if (error instanceof BoxkiteError && error.kind === "system")
        this.#failures.remember(key, error, rememberedMs(error));
      throw error;
    }
  }
}

function rememberedMs(error: BoxkiteError): number {
  if (!(error instanceof RegistryRefusal)) return UNREACHABLE_FOR_MS;
  return Math.max(FAILED_FOR_MS, Math.min(error.retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS));
}

function isSuccess({ status }: Reply): boolean {
  return status >= 200 && status <= 299;
}
