/**
 * The few calls of the S3 API that a task needs, path-style, on node:http. Small on purpose: it is loaded once
 * per action, and loading a complete SDK takes longer than a short task.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { urlToHttpOptions } from "node:url";
import { createBackoff } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import { once } from "../../lib/once.ts";
import { signHeaders } from "../../lib/sigv4-signer.ts";
import { canonicalQuery, encodeUriPath, sha256Hex, UNSIGNED_PAYLOAD } from "../../lib/sigv4.ts";
import { childText, parseXml, type XmlElement } from "../../lib/xml.ts";
import { MOST_CONNECTIONS } from "../most-connections.ts";
import type { S3Settings } from "./s3-settings.ts";
import { BlobNotFoundError, type Storage } from "./storage-type.ts";

const AGENT_OPTIONS = { keepAlive: true, maxSockets: MOST_CONNECTIONS };
const ATTEMPTS = 5;
const BACKOFF = { baseMs: 200, factor: 2 };
const PART_BYTES = 64 << 20;
/** More than a listing of 1000 keys of maximum length with every byte escaped. */
const MAX_ANSWER_BYTES = 4 << 20;

/** Of all storages of this process: the next one begins with the connections that the one before has opened. */
const plain = { send: httpRequest, agent: new Agent(AGENT_OPTIONS) };
/** Loaded only if needed: most servers are on the task's own machine, without TLS. */
const secured = once(async () => {
  const https = await import("node:https");
  return { send: https.request, agent: new https.Agent(AGENT_OPTIONS) };
});

export class S3Storage implements Storage {
  readonly #settings: S3Settings;
  readonly #clock: Clock;

  constructor(settings: S3Settings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  async read(uri: string): Promise<Uint8Array> {
    return this.#call("GET", uri, bytesOf);
  }

  async write(uri: string, bytes: Uint8Array): Promise<void> {
    await this.#call("PUT", uri, bytesOf, { body: bytes });
  }

  async download(uri: string, path: string): Promise<void> {
    await this.#call("GET", uri, (answer) => pipeline(answer, createWriteStream(path)));
  }

  async upload(path: string, uri: string): Promise<void> {
    const { size } = await stat(path);
    if (size > PART_BYTES) return this.#uploadParts(path, uri, size);
    const stream = (): Readable => createReadStream(path);
    await this.#call("PUT", uri, bytesOf, { stream, length: size });
  }

  async list(prefix: string): Promise<string[]> {
    const { bucket, key } = parse(prefix);
    const found: string[] = [];
    for (let token: string | undefined; ;) {
      const query: Record<string, string> = {
        "list-type": "2",
        "encoding-type": "url",
        prefix: key,
        ...(token === undefined ? {} : { "continuation-token": token }),
      };
      const result = await xmlOf(await this.#call("GET", `s3://${bucket}/`, bytesOf, { query }));
      const isEncoded = childText(result, "EncodingType") === "url";
      for (const contents of result.children.filter(({ name }) => name === "Contents")) {
        const name = childText(contents, "Key") ?? "";
        found.push(`s3://${bucket}/${isEncoded ? decodeURIComponent(name.replaceAll("+", " ")) : name}`);
      }
      token = childText(result, "NextContinuationToken");
      if (token === undefined) return found;
    }
  }

  async #uploadParts(path: string, uri: string, size: number): Promise<void> {
    const started = await xmlOf(await this.#call("POST", uri, bytesOf, { query: { uploads: "" } }));
    const uploadId = childText(started, "UploadId") ?? "";
    if (uploadId === "") throw new Error(`${uri}: the storage did not start the multipart upload`);
    const parts: string[] = [];
    for (let start = 0; start < size; start += PART_BYTES) {
      const end = Math.min(start + PART_BYTES, size) - 1;
      const number = parts.length + 1;
      const stream = (): Readable => createReadStream(path, { start, end });
      const query = { partNumber: String(number), uploadId };
      const etag = await this.#call("PUT", uri, etagOf, { stream, length: end - start + 1, query });
      parts.push(`<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`);
    }
    const body = Buffer.from(`<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`);
    // S3 may fail after it has begun to respond; then the error is in the body, with status 200.
    const completed = await xmlOf(await this.#call("POST", uri, bytesOf, { body, query: { uploadId } }));
    if (completed.name === "Error") throw new Error(`POST ${uri}: ${childText(completed, "Code") ?? ""}`);
  }

  /** Repeats after transient failures: connections lost before or during the response, 429 and 5xx. */
  async #call<T>(
    method: string,
    uri: string,
    read: (answer: IncomingMessage) => Promise<T>,
    options: CallOptions = {},
  ): Promise<T> {
    const backoff = createBackoff(BACKOFF, this.#clock);
    for (let attempt = 1; ; attempt++) {
      let answer: IncomingMessage | undefined;
      let refusal: Uint8Array | undefined;
      let failure: unknown;
      try {
        answer = await this.#send(method, uri, options);
        if ((answer.statusCode ?? 0) < 300) return await read(answer);
        refusal = await bytesOf(answer);
      } catch (error) {
        // Once the response has begun, every error but a lost connection is a failure of its reader.
        if (answer !== undefined && (error as NodeJS.ErrnoException).code !== "ECONNRESET") throw error;
        failure = error;
      }
      const status = answer?.statusCode ?? 0;
      if (status === 404) throw new BlobNotFoundError(uri);
      const transient = failure !== undefined || status === 429 || status >= 500;
      if (!transient || attempt === ATTEMPTS) {
        const reason =
          refusal === undefined ? String(failure) : `HTTP ${status} ${await codeOf(refusal)}`.trim();
        throw new Error(`${method} ${uri}: ${reason}`, failure === undefined ? {} : { cause: failure });
      }
      await backoff.wait();
    }
  }

  async #send(method: string, uri: string, options: CallOptions): Promise<IncomingMessage> {
    const { bucket, key } = parse(uri);
    const { endpoint } = this.#settings;
    const base = decodeURIComponent(endpoint.pathname).replace(/\/$/, "");
    const path = `${base}/${bucket}/${key}`;
    const query = Object.entries(options.query ?? {});
    const length = options.stream === undefined ? (options.body?.length ?? 0) : (options.length ?? 0);
    const { headers } = signHeaders(
      {
        method,
        path,
        query,
        host: endpoint.host,
        headers: method === "GET" ? {} : { "content-length": String(length) },
        payloadHash: options.stream === undefined ? sha256Hex(options.body ?? "") : UNSIGNED_PAYLOAD,
      },
      { ...this.#settings, nowMs: this.#clock.now() },
    );
    const { send, agent } = endpoint.protocol === "https:" ? await secured() : plain;
    return new Promise((resolve, reject) => {
      const request = send({
        ...urlToHttpOptions(endpoint),
        // Not as a URL, which would resolve `..` in a key.
        path: `${encodeUriPath(path)}?${canonicalQuery(query)}`,
        method,
        headers: { ...headers },
        agent,
      });
      request.on("response", resolve);
      request.on("error", reject);
      if (options.stream === undefined) request.end(options.body);
      else pipeline(options.stream(), request).catch(reject);
    });
  }
}

interface CallOptions {
  readonly body?: Uint8Array;
  /** Creates the body anew for each attempt. */
  readonly stream?: () => Readable;
  readonly length?: number;
  readonly query?: Readonly<Record<string, string>>;
}

function parse(uri: string): { bucket: string; key: string } {
  const match = /^s3:\/\/([^/]+)\/?(.*)$/s.exec(uri);
  if (match === null) throw new TypeError(`${uri} is not s3://bucket/key`);
  return { bucket: match[1] ?? "", key: match[2] ?? "" };
}

async function bytesOf(answer: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function etagOf(answer: IncomingMessage): Promise<string> {
  await bytesOf(answer);
  return answer.headers.etag ?? "";
}

/** The code of an error response; empty if it has none. */
async function codeOf(refusal: Uint8Array): Promise<string> {
  const error = await parseXml(refusal);
  return (error && childText(error, "Code")) ?? "";
}

/** Throws for a response that is not XML. */
async function xmlOf(answer: Uint8Array): Promise<XmlElement> {
  const element = await parseXml(answer, MAX_ANSWER_BYTES);
  if (element === undefined) throw new Error("the storage did not respond with XML");
  return element;
}
