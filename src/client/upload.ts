/** Files to the server: a signed address, then one PUT. */
import { createHash } from "node:crypto";
import type { ControlPlane } from "./control-plane.ts";
import { createBackoff } from "../lib/backoff.ts";
import { systemClock, type Clock } from "../lib/clock.ts";

export interface UploadTarget {
  readonly org: string;
  readonly project: string;
  readonly domain: string;
}

export interface UploadedFile {
  /** What a container reads it by. */
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
  const headers = {
    ...location.headers,
    "content-length": String(content.length),
    "content-md5": digest.toString("base64"),
  };
  const backoff = createBackoff(BACKOFF, clock);
  for (let attempt = 1; ; attempt++) {
    const answer = await fetch(location.signedUrl, { method: "PUT", headers, body: content });
    if (answer.ok) return { uri: location.nativeUrl, md5: digest.toString("hex") };
    const text = await answer.text();
    const passing = answer.status === 408 || answer.status === 429 || answer.status >= 500;
    if (!passing || attempt === ATTEMPTS) {
      throw new Error(`the upload of ${filename} failed: HTTP ${answer.status} ${text.slice(0, 200)}`);
    }
    await backoff.wait();
  }
}
