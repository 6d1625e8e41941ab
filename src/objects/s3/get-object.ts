/** GetObject and HeadObject. */
import { once } from "node:events";
import { validateHeaderValue } from "node:http";
import { pipeline } from "node:stream/promises";
import { onceClosed } from "../../lib/client-gone.ts";
import { ownValue } from "../../domain/own-value.ts";
import type { OpenObject, StoredObject } from "../hosted-store.ts";
import { checksumHeadersOf, headersOf, RESPONSE_OVERRIDES } from "./attributes.ts";
import type { ByteRange } from "../object-store.ts";
import { parseRange } from "./byte-range.ts";
import { authorize, type Call } from "./call.ts";
import { checkReadConditions, ifRangeHolds } from "./conditions.ts";
import { sendEmpty, setHeaders, type ResponseHeaders } from "./respond.ts";
import { S3Error } from "./s3-error.ts";

/** So much is sent in one piece; a stream is for what takes its time. */
const SMALL_BYTES = 256 * 1024;

export async function getObject(call: Call): Promise<void> {
  const { request, response, store } = call;
  await authorize(call, "read", request.key);
  const object = await store.open(request.key);
  if (object === undefined) throw noSuchKey(request.key);
  const answer = await orClose(object, () => answerFor(call, object.info));
  if (answer.status === 304) {
    await object.close();
    return sendEmpty(response, 304, answer.headers);
  }
  response.statusCode = answer.status;
  await orClose(object, () => setHeaders(response, answer.headers));
  const { start, end } = answer.range ?? { start: 0, end: object.info.size - 1 };
  if (end - start < SMALL_BYTES) {
    response.end(await object.content(answer.range));
    return;
  }
  const content = object.stream(answer.range);
  // Damage in the first block is answered with an error; for later damage the connection is cut before it.
  await once(content, "readable");
  // Of HTTP/2 the response says that it is finished when its client goes away, and a pipeline to it then waits for ever
  // with the file open (seen with Node 24).
  onceClosed(response, () => content.destroy());
  await pipeline(content, response);
}

export async function headObject(call: Call): Promise<void> {
  const { request, response, store } = call;
  await authorize(call, "read", request.key);
  const object = await store.head(request.key);
  if (object === undefined) throw noSuchKey(request.key);
  const answer = answerFor(call, object);
  sendEmpty(response, answer.status, answer.headers);
}

export function noSuchKey(key: string): S3Error {
  return new S3Error("NoSuchKey", "The specified key does not exist.", { Key: key });
}

/**
 * The origin is the console's, and an object is what some task wrote: a browser that shows it gives it an origin
 * of its own, which can neither read nor click the console's pages. Reports run scripts, open links and save pictures.
 */
const ISOLATION: ResponseHeaders = {
  "content-security-policy": "sandbox allow-scripts allow-popups allow-downloads",
  "x-content-type-options": "nosniff",
};

interface Answer {
  readonly status: 200 | 206 | 304;
  readonly headers: ResponseHeaders;
  readonly range?: ByteRange;
}

/** Throws PreconditionFailed, InvalidRange. */
function answerFor({ request }: Call, object: StoredObject): Answer {
  if (checkReadConditions(request, object) === "notModified") {
    const { etag, "last-modified": lastModified } = headersOf(object);
    return { status: 304, headers: { etag, "last-modified": lastModified } };
  }
  const range = ifRangeHolds(request, object) ? parseRange(request.header("range"), object.size) : undefined;
  const wantsChecksum = request.header("x-amz-checksum-mode")?.toUpperCase() === "ENABLED";
  const headers = {
    ...headersOf(object),
    ...overrides(request.query),
    ...ISOLATION,
    // The checksum is of the whole; a client would hold it against the part.
    ...(wantsChecksum && range === undefined ? checksumHeadersOf(object) : {}),
  };
  if (range === undefined) return { status: 200, headers: { ...headers, "content-length": object.size } };
  const { start, end } = range;
  return {
    status: 206,
    headers: {
      ...headers,
      "content-length": end - start + 1,
      "content-range": `bytes ${start}-${end}/${object.size}`,
    },
    range,
  };
}

/** Throws InvalidArgument for what cannot be a header. */
function overrides(query: Call["request"]["query"]): ResponseHeaders {
  const headers: Record<string, string> = {};
  for (const [name, value] of query) {
    const header = ownValue(RESPONSE_OVERRIDES, name);
    if (header === undefined) continue;
    try {
      validateHeaderValue(header, value);
    } catch {
      throw new S3Error("InvalidArgument", `The value of ${name} cannot be sent as a header.`, {
        ArgumentName: name,
      });
    }
    headers[header] = value;
  }
  return headers;
}

async function orClose<T>(object: OpenObject, work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    await object.close();
    throw error;
  }
}
