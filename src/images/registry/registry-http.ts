/** Asking a registry: scheme, authorization, limits, and what its answers mean. */
import { BoxkiteError, messageOf } from "../../domain/errors.ts";
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

export interface RegistryHttpOptions {
  readonly credentials: CredentialSource;
  readonly isInsecure: (host: string) => boolean;
  readonly clock: Clock;
  readonly fetch: typeof fetch;
}

export interface RegistryResponse {
  readonly bytes: Buffer;
  readonly headers: Headers;
}

/** First word with a host: one that does not answer in this time is taken to be out of reach. */
const CONTACT_TIMEOUT_MS = 5_000;
/** A registry that proxies another one may have to fetch first. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Time for which a host that did not answer is not asked again: every run would wait for it. */
const UNREACHABLE_FOR_MS = 15_000;
/** Manifests are limited to 4 MiB by the registries; configurations are smaller. */
const MAX_BYTES = 8 * 1024 * 1024;

export class RegistryHttp {
  readonly #options: RegistryHttpOptions;
  readonly #contacted = new Map<string, Promise<void>>();
  readonly #failed = new Map<string, { readonly error: unknown; readonly untilMs: number }>();
  readonly #challenges = new Map<string, Challenge>();
  readonly #tokens = new Map<string, Token>();

  constructor(options: RegistryHttpOptions) {
    this.#options = options;
  }

  /** GET of `/v2/<repository>/<path>`; everything but success throws IMAGE_* or REGISTRY_UNREACHABLE. */
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
      throw refusal(image, response.status, answer);
    }
  }

  /** Concurrent first requests to a host share one attempt, and its failure is remembered for a while. */
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
    if (response.status >= 500) throw unreachable(host, `it answered with status ${response.status}`);
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
    // A challenge remembered from the first contact has no scope, one of another repository the wrong one.
    const { scope: _scope, ...parameters } = challenge.parameters;
    const request = tokenRequest({ ...challenge, parameters }, image.repository, credential);
    if (request === undefined) return undefined;
    // A password must not leave in the clear because a registry said so.
    if (request.url.startsWith("http:") && !this.#options.isInsecure(image.host)) {
      throw unreachable(image.host, `its token service ${request.url.split("?")[0]} has no TLS`);
    }
    const response = await this.#send(new URL(request.url).host, request, REQUEST_TIMEOUT_MS);
    const text = (await this.#bytesOf(image.host, response)).toString();
    if (response.status === 401 || response.status === 403) throw refusal(image, response.status, text);
    if (!response.ok)
      throw unreachable(image.host, `its token service answered with status ${response.status}`);
    return decodeToken(text, this.#options.clock.now());
  }

  async #send(host: string, request: Request, timeoutMs: number): Promise<Response> {
    try {
      return await this.#options.fetch(request, { signal: AbortSignal.timeout(timeoutMs) });
    } catch (error) {
      throw unreachable(host, causeOf(error, timeoutMs), error);
    }
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
      throw unreachable(host, causeOf(error, REQUEST_TIMEOUT_MS), error);
    }
    return Buffer.concat(chunks);
  }

  #origin(host: string): string {
    const scheme = this.#options.isInsecure(host) ? "http" : "https";
    return `${scheme}://${host === "docker.io" ? "registry-1.docker.io" : host}`;
  }
}

/** Hosts that never leave this machine speak plain HTTP, as in podman and docker. */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:[0-9]+$/, "");
  return name === "localhost" || name === "[::1]" || /^127\.[0-9.]+$/.test(name);
}

function refusal(image: ImageReference, status: number, answer: string): BoxkiteError {
  const name = `${imageRepository(image)}${image.digest ? `@${image.digest}` : `:${image.tag ?? "latest"}`}`;
  const said = registryWords(answer);
  if (status === 401 || status === 403) {
    return new BoxkiteError(
      "IMAGE_UNAUTHORIZED",
      `registry ${image.host} does not let us read ${name}: ${said ?? `status ${status}`}`,
      {
        hint: `log in with podman login ${image.host} (or docker login ${image.host}); a registry also says this of a repository that does not exist: check the name`,
      },
    );
  }
  if (status === 404) {
    return new BoxkiteError(
      "IMAGE_NOT_FOUND",
      `registry ${image.host} has no image ${name}: ${said ?? "status 404"}`,
      {
        hint: "check repository and tag, and that it was pushed: podman push NAME",
      },
    );
  }
  return unreachable(
    image.host,
    said === undefined ? `it answered with status ${status}` : `${said} (status ${status})`,
  );
}

/** `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}` */
function registryWords(answer: string): string | undefined {
  try {
    const { errors } = JSON.parse(answer) as { errors?: { code?: string; message?: string }[] };
    const first = errors?.[0];
    return first === undefined ? undefined : first.message || first.code;
  } catch {
    return undefined;
  }
}

function unreachable(host: string, why: string, cause?: unknown): BoxkiteError {
  return new BoxkiteError("REGISTRY_UNREACHABLE", `registry ${host} cannot be asked: ${why}`, {
    cause,
    hint: `is ${host} right, and reachable from this machine? Try: curl -i https://${host === "docker.io" ? "registry-1.docker.io" : host}/v2/`,
  });
}

/** fetch hides the reason in its cause. */
function causeOf(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === "TimeoutError")
    return `no answer within ${timeoutMs / 1000} s`;
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined
    ? messageOf(error)
    : messageOf(cause) || String((cause as { code?: string }).code);
}
