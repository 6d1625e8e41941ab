/** A principal may limit how long its URLs are valid, whatever they say themselves. */
import type { S3Principal } from "./principal.ts";
import { S3Error } from "./s3-error.ts";

type Limit = Pick<S3Principal, "name" | "longestUrlSeconds">;

/** Clocks of the one who signs and of the server differ by as much. */
const SKEW_MS = 60_000;

/** Of a URL that says when it was signed. Throws AccessDenied. */
export function checkAge({ name, longestUrlSeconds = Infinity }: Limit, signedAt: number, now: number): void {
  if (now <= signedAt + longestUrlSeconds * 1_000) return;
  throw new S3Error(
    "AccessDenied",
    `Request has expired: a URL of ${name} is valid for ${longestUrlSeconds} s.`,
  );
}

/** Of a URL of version 2, which says only when it expires. Throws AccessDenied where that is too far ahead. */
export function checkTimeLeft(
  { name, longestUrlSeconds = Infinity }: Limit,
  expiresAt: number,
  now: number,
): void {
  if (expiresAt - now <= longestUrlSeconds * 1_000 + SKEW_MS) return;
  throw new S3Error(
    "AccessDenied",
    `A URL of ${name} is valid for ${longestUrlSeconds} s, and this one expires later than that: sign it for a shorter time.`,
  );
}
