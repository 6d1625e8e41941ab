/** Uploads files to the server: asks for a signed URL, then sends one PUT. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import type { ControlPlane, Trust } from "./control-plane.ts";
import { messageOf } from "../domain/errors.ts";
import { createBackoff } from "../lib/backoff.ts";
import { systemClock, type Clock } from "../lib/clock.ts";

export interface UploadTarget {
  readonly org: string;
  readonly project: string;
  readonly domain: string;
}

export interface UploadedFile {
  /** The URI by which containers read it. */
  readonly uri: string;
  /** Hex MD5 of the content. */
  readonly md5: string;
}

const EXPIRES_SECONDS = 900n;
const ATTEMPTS = 4;
const BACKOFF = { baseMs: 1000, factor: 2 };

export async function uploadFile(
  controlPlane: ControlPlane,
  target: UploadTarget,
  filename: string,
  content: Uint8Array<ArrayBuffer>,
  clock: Clock = systemClock,
): Promise<UploadedFile> {
  const digest = createHash("md5").update(content).digest();
  const location = await controlPlane.data.createUploadLocation({
    ...target,
    filename,
    contentMd5: digest,
    expiresIn: { seconds: EXPIRES_SECONDS, nanos: 0 },
    addContentMd5Metadata: true,
  });
  // By lower-case names, so that one that the server sends as well is sent once.
  const headers = {
    ...inLowerCase(location.headers),
    "content-length": String(content.length),
    "content-md5": digest.toString("base64"),
  };
  // Another origin, such as that of a cloud's storage, has another authority.
  const isOwn = new URL(location.signedUrl).origin === controlPlane.origin;
  const trust = isOwn ? controlPlane.trust : {};
  const backoff = createBackoff(BACKOFF, clock);
  for (let attempt = 1; ; attempt++) {
    const failure = await put(location.signedUrl, headers, content, trust);
    if (failure === undefined) return { uri: location.nativeUrl, md5: digest.toString("hex") };
    const { reason, transient, cause } = failure;
    if (!transient || attempt === ATTEMPTS)
      throw new Error(`the upload of ${filename} failed: ${reason}`, cause === undefined ? {} : { cause });
    await backoff.wait();
  }
}

function inLowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

interface UploadFailure {
  readonly reason: string;
  /** Whether a repetition may succeed. */
  readonly transient: boolean;
  readonly cause?: unknown;
}

/** Undefined if the server has accepted the file. */
async function put(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  trust: Trust,
): Promise<UploadFailure | undefined> {
  // Not fetch, which cannot be given an authority.
  const request = url.startsWith("https:") ? httpsRequest : httpRequest;
  try {
    const sent = request(url, { method: "PUT", headers, ...trust });
    const answered = once(sent, "response") as Promise<[IncomingMessage]>;
    // An answer may come before the body is sent, and then the connection may end.
    sent.on("error", () => {}).end(body);
    const [answer] = await answered;
    const said = await text(answer);
    const { statusCode: status = 0 } = answer;
    if (status >= 200 && status < 300) return undefined;
    const transient = status === 408 || status === 429 || status >= 500;
    return { reason: `HTTP ${status} ${said.slice(0, 200)}`, transient };
  } catch (cause) {
    return { reason: messageOf(cause), transient: true, cause };
  }
}
