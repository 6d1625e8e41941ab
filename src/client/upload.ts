/** Uploads files to the server: asks for a signed URL, then sends one PUT. */
import { createHash } from "node:crypto";
import type { ControlPlane } from "./control-plane.ts";
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
  const backoff = createBackoff(BACKOFF, clock);
  for (let attempt = 1; ; attempt++) {
    const failure = await put(location.signedUrl, headers, content);
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
  body: Uint8Array<ArrayBuffer>,
): Promise<UploadFailure | undefined> {
  try {
    const answer = await fetch(url, { method: "PUT", headers, body });
    if (answer.ok) return undefined;
    const { status } = answer;
    const text = await answer.text();
    const transient = status === 408 || status === 429 || status >= 500;
    return { reason: `HTTP ${status} ${text.slice(0, 200)}`, transient };
  } catch (cause) {
    // The message of fetch's own error is no more than "fetch failed".
    const reason = messageOf(cause instanceof Error ? (cause.cause ?? cause) : cause);
    return { reason, transient: true, cause };
  }
}
