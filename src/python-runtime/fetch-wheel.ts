/** Fetches wheels from a package index. What arrives is compared with the lock, so the index need not be trusted. */
import { createHash } from "node:crypto";
import { createTransport } from "../images/registry/transport.ts";
import { createBackoff } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { fetchFailure, IndexRefusal, isTemporary } from "./index-failures.ts";
import type { LockedWheel } from "./lock.ts";
import { packageIndex } from "./package-index.ts";
import { findFile, PAGE_TYPES } from "./project-page.ts";

/** Throws RUNTIME_FETCH_FAILED, or CONFIG_INVALID for a variable of the environment. */
export type FetchWheel = (wheel: LockedWheel, signal?: AbortSignal) => Promise<Buffer>;

const TRIES = 4;
const BACKOFF = { baseMs: 500, factor: 3 };
/** A connection on which nothing arrives for so long is given up. */
const SILENCE_MS = 30_000;
const MAX_PAGE_BYTES = 32 * 1024 * 1024;

export function createFetchWheel(env: NodeJS.ProcessEnv, clock: Clock): FetchWheel {
  const index = packageIndex(env);
  const transport = createTransport({ env, caFile: index.caFile });

  const get = async (url: string, accept: string, maxBytes: number, signal: AbortSignal | undefined) => {
    const sameOrigin = new URL(url).origin === new URL(index.url).origin;
    const headers = {
      accept,
      ...(sameOrigin && index.authorization && { authorization: index.authorization }),
    };
    const silence = new AbortController();
    const expire = () => silence.abort(new Error(`nothing arrived for ${SILENCE_MS / 1_000} s`));
    let timer = clock.timer(SILENCE_MS, expire);
    try {
      const signals = [silence.signal, ...(signal === undefined ? [] : [signal])];
      const response = await transport(new Request(url, { headers }), AbortSignal.any(signals));
      if (!response.ok) {
        await response.body?.cancel();
        throw new IndexRefusal(response.status);
      }
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      for await (const chunk of response.body ?? []) {
        timer.cancel();
        timer = clock.timer(SILENCE_MS, expire);
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
      }
      return { content: Buffer.concat(chunks), type: response.headers.get("content-type") ?? "" };
    } catch (error) {
      throw silence.signal.aborted ? silence.signal.reason : error;
    } finally {
      timer.cancel();
    }
  };

  const fetchOnce = async ({ name, file, size, sha256 }: LockedWheel, signal: AbortSignal | undefined) => {
    const pageUrl = new URL(`${name}/`, index.url).href;
    const page = await get(pageUrl, PAGE_TYPES, MAX_PAGE_BYTES, signal);
    const url = findFile(page.content.toString(), page.type, pageUrl, file);
    if (url === undefined) throw new IndexRefusal(404, `${pageUrl} does not list it`);
    const { content } = await get(url.href, "*/*", size, signal);
    if (createHash("sha256").update(content).digest("hex") === sha256) return content;
    throw new Error(`${url.origin}${url.pathname} is not the file of the lock: its SHA-256 differs`);
  };

  return async (wheel, signal) => {
    const backoff = createBackoff(BACKOFF, clock);
    for (let tries = 1; ; tries++) {
      try {
        return await fetchOnce(wheel, signal);
      } catch (error) {
        signal?.throwIfAborted();
        const context = { wheel, index: index.url };
        if (tries === TRIES || !isTemporary(error, context)) throw fetchFailure(error, context);
        await backoff.wait(signal);
      }
    }
  };
}
