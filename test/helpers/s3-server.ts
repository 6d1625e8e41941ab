/** The S3 endpoint over a directory of its own, and requests to it that are signed by hand. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import type { StorageCode } from "../../src/domain/errors.ts";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import type { TestContext } from "node:test";
import type { Clock } from "../../src/lib/clock.ts";
import { createLogger } from "../../src/lib/log.ts";
import { openDirectoryStore } from "../../src/objects/directory-store.ts";
import type { HostedStore } from "../../src/objects/hosted-store.ts";
import { isBookkeeping } from "./object-kinds.ts";
import { createS3Handler } from "../../src/objects/s3/handler.ts";
import {
  presign,
  signHeaders as sign,
  type PresignOptions,
  type SignedHeaders,
} from "../../src/lib/sigv4-signer.ts";
import type { S3Principal } from "../../src/objects/s3/principal.ts";
import { sha256Hex } from "../../src/lib/sigv4.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { LOCAL, type Principal } from "../../src/domain/principal.ts";

export const BUCKET = "boxkite";
export const ACCESS_KEY = "run/a1";
export const SECRET_KEY = "a/secret+key";
/** Nothing under this prefix is allowed. */
export const DENIED_PREFIX = "denied/";

export interface S3Server {
  readonly origin: string;
  readonly port: number;
  readonly directory: string;
  readonly store: HostedStore;
  /** Moved by hand; ms since the epoch. */
  readonly clock: Clock & { time: number };
  /** Resolves when the server logs this message, now or earlier. */
  logged(message: string): Promise<void>;
  presign(options: Pick<PresignOptions, "method" | "key"> & Partial<PresignOptions>): string;
}

export interface S3ServerOptions {
  readonly region?: string;
  readonly onWritten?: (key: string, bytes: number) => void;
  readonly onUnstorable?: (key: string, why: StorageCode) => void;
  readonly onAsked?: (by: Principal, name: string, key: string) => void;
}

export async function startS3Server(
  t: Pick<TestContext, "after">,
  options: S3ServerOptions = {},
): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-objects-"));
  const messages = new Set<string>();
  const waiting = new Map<string, () => void>();
  const log = createLogger({
    level: "debug",
    format: "json",
    write: (line) => {
      const { message } = JSON.parse(line) as { message: string };
      messages.add(message);
      waiting.get(message)?.();
    },
  });
  const clock = { ...systemClock, time: Date.now(), now: (): number => clock.time };
  const principal: S3Principal = {
    name: "run a1",
    secretAccessKey: SECRET_KEY,
    allows: async (_, key) => !key.startsWith(DENIED_PREFIX),
  };
  const store = await openDirectoryStore(directory, { clock, log, secret: "of the store" });
  const principals = (id: string): S3Principal | undefined => (id === ACCESS_KEY ? principal : undefined);
  const serve = createS3Handler({ store, bucket: BUCKET, log, clock, principals, ...options });
  const listener = createServer((request, response) => serve(request, response, LOCAL));
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  t.after(async () => {
    listener.closeAllConnections();
    await new Promise((resolve) => listener.close(resolve));
    await store.close();
    await rm(directory, { recursive: true });
  });
  const { port } = listener.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  return {
    origin,
    port,
    directory,
    store,
    clock,
    logged: (message) => {
      if (messages.has(message)) return Promise.resolve();
      return new Promise((resolve) => waiting.set(message, resolve));
    },
    presign: (some) =>
      presign({
        origin,
        bucket: BUCKET,
        accessKeyId: ACCESS_KEY,
        secretAccessKey: SECRET_KEY,
        expiresInSeconds: 60,
        nowMs: clock.time,
        ...some,
      }),
  };
}

/** Every file under the store's directory, without the database of small objects and the bookkeeping of empty folders. */
export async function filesOf({ directory }: { readonly directory: string }): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !isBookkeeping(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

export interface SignedRequest {
  readonly method: string;
  /** Sent as it is. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Of the true body unless given. */
  readonly payloadHash?: string;
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly region?: string;
  /** In the Host header; the server's address unless given. */
  readonly host?: string;
  readonly signedAt?: number;
  /** Headers that are sent and not signed. */
  readonly unsigned?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Of the error in the body, if it is one. */
  readonly code: string | undefined;
}

/** The headers to send, Authorization among them, and the signature for the chunks of a body. */
export function signHeaders(server: S3Server, request: SignedRequest): SignedHeaders {
  const [path = "", search = ""] = request.path.split("?", 2);
  const { headers, signature } = sign(
    {
      method: request.method,
      path: decodeURIComponent(path),
      query: [...new URLSearchParams(search)],
      host: request.host ?? `127.0.0.1:${server.port}`,
      headers: request.headers ?? {},
      payloadHash: request.payloadHash ?? sha256Hex(request.body ?? ""),
    },
    {
      accessKeyId: request.accessKeyId ?? ACCESS_KEY,
      secretAccessKey: request.secretAccessKey ?? SECRET_KEY,
      region: request.region ?? "us-east-1",
      nowMs: request.signedAt ?? server.clock.time,
    },
  );
  return { headers: { ...headers, ...request.unsigned }, signature };
}

export async function sendSigned(server: S3Server, request: SignedRequest): Promise<Answer> {
  const { headers } = signHeaders(server, request);
  return send(server, { ...request, headers });
}

/** Without a signature, and with a path that nothing tidies. */
export function send(
  server: S3Server,
  request: Pick<SignedRequest, "method" | "path" | "headers" | "body">,
): Promise<Answer> {
  const { method, path, headers, body } = request;
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({
      host: "127.0.0.1",
      port: server.port,
      method,
      path,
      ...(headers && { headers }),
    });
    outgoing.on("error", reject);
    outgoing.on("response", (response) => {
      buffer(response).then((content) => {
        const code = /<Error>.*<Code>(\w+)<\/Code>/s.exec(content.toString())?.[1];
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: content, code });
      }, reject);
    });
    outgoing.end(body);
  });
}
