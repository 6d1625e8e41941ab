/** Sends requests to registries and to their token services, within a time limit. */
import { BoxkiteError } from "../../domain/errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { EgressRule } from "../../lib/egress.ts";
import { errnoOf } from "../../lib/errno.ts";
import { causeOf, unreachable } from "./refusal.ts";
import type { Registries } from "./registries.ts";
import type { Reply } from "./reply.ts";
import { createTransport, type Transport } from "./transport.ts";

export interface ConnectionsOptions {
  readonly registries: Registries;
  /** The environment with the proxy variables. */
  readonly env: NodeJS.ProcessEnv;
  /** @default every host is allowed */
  readonly egress?: EgressRule | undefined;
  readonly clock: Clock;
}

/** A request without a response is sent once more, on a connection of its own. */
const TRIES = 2;
/** Registries limit manifests to 4 MiB; configurations are smaller. */
const MAX_BYTES = 8 * 1024 * 1024;

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #transports = new Map<string, Transport>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /**
   * The whole response. `limitMs` is for each of two tries. Throws REGISTRY_UNREACHABLE or EGRESS_DENIED. The certificate authority of
   * `registry` is also trusted for its token service.
   */
  async send(registry: string, request: Request, limitMs: number): Promise<Reply> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#exchange(registry, request.clone(), limitMs);
      } catch (error) {
        if (errnoOf(error) === "ETIMEDOUT" && tries < TRIES) continue;
        const contacted = {
          registries: this.#options.registries,
          host: registry,
          url: request.url.split("?")[0] ?? "",
        };
        throw error instanceof BoxkiteError ? error : unreachable(contacted, causeOf(error), error);
      }
    }
  }

  async #exchange(registry: string, request: Request, limitMs: number): Promise<Reply> {
    const limit = new AbortController();
    const timer = this.#options.clock.timer(limitMs, () => limit.abort(silence(limitMs)));
    try {
      const { status, headers, body } = await this.#transport(registry)(request, limit.signal);
      // A registry may return the whole of what it was asked for the first byte of.
      const isWanted = !request.headers.has("range") || status >= 300;
      const bytes = isWanted ? await readAll(body) : await discard(body);
      return { status, headers, bytes, text: bytes.toString() };
    } catch (error) {
      throw limit.signal.aborted ? limit.signal.reason : error;
    } finally {
      timer.cancel();
    }
  }

  #transport(registry: string): Transport {
    let transport = this.#transports.get(registry);
    if (transport === undefined) {
      const { env, registries, egress } = this.#options;
      transport = createTransport({ env, egress, caFile: registries.get(registry)?.caFile });
      this.#transports.set(registry, transport);
    }
    return transport;
  }
}

function silence(limitMs: number): Error {
  const message = `no answer within ${limitMs / 1000} s, and none to a second request`;
  return Object.assign(new Error(message), { code: "ETIMEDOUT" });
}

async function discard(body: Response["body"]): Promise<Buffer> {
  await body?.cancel();
  return Buffer.alloc(0);
}

async function readAll(body: Response["body"]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`the answer is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
