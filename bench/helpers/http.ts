/** Plain HTTP requests over kept connections: the same client for us and for the peer. */
import { Agent, request as httpRequest } from "node:http";
import { Readable } from "node:stream";
import type { BenchContext } from "./measure.ts";

export interface HttpClient {
  put(url: string, body: Buffer | SizedStream): Promise<void>;
  /** Reads the body and gives its size. */
  get(url: string): Promise<number>;
}

export interface SizedStream {
  readonly size: number;
  readonly chunk: Buffer;
}

export function openHttpClient(context: Pick<BenchContext, "defer">): HttpClient {
  const agent = new Agent({ keepAlive: true });
  context.defer(() => agent.destroy());
  const send = (method: "GET" | "PUT", url: string, body?: Buffer | SizedStream): Promise<number> =>
    new Promise((resolve, reject) => {
      const length = body === undefined ? undefined : Buffer.isBuffer(body) ? body.length : body.size;
      const headers = length === undefined ? {} : { "content-length": length };
      const outgoing = httpRequest(url, { method, agent, headers });
      outgoing.on("error", reject);
      outgoing.on("response", (response) => {
        let size = 0;
        response.on("data", (chunk: Buffer) => (size += chunk.length));
        response.on("error", reject);
        response.on("end", () => {
          if (response.statusCode === 200) resolve(size);
          else reject(new Error(`${method} ${url.split("?")[0]} was answered with ${response.statusCode}`));
        });
      });
      if (body === undefined || Buffer.isBuffer(body)) outgoing.end(body);
      else Readable.from(repeated(body)).pipe(outgoing);
    });
  return {
    put: async (url, body) => void (await send("PUT", url, body)),
    get: (url) => send("GET", url),
  };
}

/** The size is a multiple of the chunk's. */
function* repeated({ size, chunk }: SizedStream): Generator<Buffer> {
  for (let sent = 0; sent < size; sent += chunk.length) yield chunk;
}
