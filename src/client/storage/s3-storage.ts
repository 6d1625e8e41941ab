/**
 * The few calls of the S3 API that a task needs, path-style, on node:http. Small on purpose: the
 * runtime is loaded once per action, and a full SDK costs more than a short task.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { urlToHttpOptions } from "node:url";
import { createBackoff } from "../../lib/backoff.ts";
import { systemClock } from "../../lib/clock.ts";
import { signHeaders } from "../../lib/sigv4-signer.ts";
import { canonicalQuery, encodeUriPath, sha256Hex, UNSIGNED_PAYLOAD } from "../../lib/sigv4.ts";
import { childText, parseXml, type XmlElement } from "../../lib/xml.ts";
import type { S3Settings } from "./s3-settings.ts";
import { BlobNotFoundError, type Storage } from "./storage-type.ts";

const ATTEMPTS = 5;
const PART_BYTES = 64 << 20;
/** 1000 of the longest keys in a listing, with every byte escaped, are below. */
const MAX_ANSWER_BYTES = 4 << 20;

export class S3Storage implements Storage {
  readonly #settings: S3Settings;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(settings: S3Settings) {
    this.#settings = settings;
  }

  async read(uri: string): Promise<Uint8Array> {
    return bytesOf(await this.#call("GET", uri));
  }

  async write(uri: string, bytes: Uint8Array): Promise<void> {
    await bytesOf(await this.#call("PUT", uri, { body: bytes }));
  }

  async download(uri: string, path: string): Promise<void> {
    await pipeline(await this.#call("GET", uri), createWriteStream(path));
  }

  async upload(path: string, uri: string): Promise<void> {
    const { size } = await stat(path);
    if (size > PART_BYTES) return this.#uploadParts(path, uri, size);
    const stream = (): Readable => createReadStream(path);
    await bytesOf(await this.#call("PUT", uri, { stream, length: size }));
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
      const result = await xmlOf(await this.#call("GET", `s3://${bucket}/`, { query }));
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
    const started = await xmlOf(await this.#call("POST", uri, { query: { uploads: "" } }));
    const uploadId = childText(started, "UploadId") ?? "";
    if (uploadId === "") throw new Error(`${uri}: the storage began no upload in parts`);
    const parts: string[] = [];
    for (let start = 0; start < size; start += PART_BYTES) {
      const end = Math.min(start + PART_BYTES, size) - 1;
      const number = parts.length + 1;
      const stream = (): Readable => createReadStream(path, { start, end });
      const query = { partNumber: String(number), uploadId };
      const answer = await this.#call("PUT", uri, { stream, length: end - start + 1, query });
      await bytesOf(answer);
      parts.push(`<Part><PartNumber>${number}</PartNumber><ETag>${answer.headers.etag ?? ""}</ETag></Part>`);
    }
    const body = Buffer.from(`<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`);
    // S3 may find out after it has begun to answer, and then says so with the status of a success.
    const completed = await xmlOf(await this.#call("POST", uri, { body, query: { uploadId } }));
    if (completed.name === "Error") throw new Error(`POST ${uri}: ${childText(completed, "Code") ?? ""}`);
  }

  /** Repeats what may pass: lost connections, 429 and 5xx. */
  async #call(method: string, uri: string, options: CallOptions = {}): Promise<IncomingMessage> {
    const backoff = createBackoff({ baseMs: 200, factor: 2 }, systemClock);
    for (let attempt = 1; ; attempt++) {
      let answer: IncomingMessage | undefined;
      let failure: unknown;
      try {
        answer = await this.#send(method, uri, options);
      } catch (error) {
        failure = error;
      }
      const status = answer?.statusCode ?? 0;
      if (answer !== undefined && status < 300) return answer;
      const refusal = answer && (await parseXml(await bytesOf(answer)));
      if (status === 404) throw new BlobNotFoundError(uri);
      const passing = answer === undefined || status === 429 || status >= 500;
      if (!passing || attempt === ATTEMPTS) {
        const code = refusal && childText(refusal, "Code");
        const reason = answer === undefined ? String(failure) : `HTTP ${status} ${code ?? ""}`.trim();
        throw new Error(`${method} ${uri}: ${reason}`, failure === undefined ? {} : { cause: failure });
      }
      await backoff.wait();
    }
  }

  #send(method: string, uri: string, options: CallOptions): Promise<IncomingMessage> {
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
      { ...this.#settings, nowMs: systemClock.now() },
    );
    const secure = endpoint.protocol === "https:";
    return new Promise((resolve, reject) => {
      const request = (secure ? httpsRequest : httpRequest)({
        ...urlToHttpOptions(endpoint),
        // Not by a URL, which would resolve `..` in a key.
        path: `${encodeUriPath(path)}?${canonicalQuery(query)}`,
        method,
        headers: { ...headers },
        ...(secure ? {} : { agent: this.#agent }),
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
  /** Makes the body anew for each attempt. */
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

/** Throws for an answer that is no XML. */
async function xmlOf(answer: IncomingMessage): Promise<XmlElement> {
  const element = await parseXml(await bytesOf(answer), MAX_ANSWER_BYTES);
  if (element === undefined) throw new Error("the storage answered with something else than XML");
  return element;
}
