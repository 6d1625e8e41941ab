/** How long a signed URL is valid. */
import { BoxkiteError } from "../domain/errors.ts";
import type { Duration } from "@bufbuild/protobuf/wkt";
import { decodeDuration } from "../wire/time.ts";

const DEFAULT_EXPIRY_SECONDS = 3_600;
const LONGEST_EXPIRY_SECONDS = 7 * 24 * 3_600;

/** In seconds. Throws LIMIT_EXCEEDED. */
export function expiryOf({ expiresIn }: { readonly expiresIn?: Duration | undefined }): number {
  const asked = expiresIn && decodeDuration(expiresIn) / 1_000;
  const seconds = asked && asked > 0 ? Math.ceil(asked) : DEFAULT_EXPIRY_SECONDS;
  if (seconds <= LONGEST_EXPIRY_SECONDS) return seconds;
  throw new BoxkiteError(
    "LIMIT_EXCEEDED",
    `a URL is asked for that is valid for ${seconds} s, and at most ${LONGEST_EXPIRY_SECONDS} s are possible`,
    { hint: "ask for a shorter time, and for another URL when it is over" },
  );
}
