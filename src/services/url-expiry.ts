/** How long a signed URL is valid: a longer time that is asked for is shortened. */
import type { Duration } from "@bufbuild/protobuf/wkt";
import type { Identity } from "../domain/principal.ts";
import { decodeDuration } from "../wire/time.ts";

const OF_A_TASK_SECONDS = 15 * 60;
const LONGEST_SECONDS = 3_600;

/** Of URLs that the caller signs, or has signed. */
export function longestUrlSeconds({ kind }: Identity): number {
  return kind === "attempt" || kind === "reproduction" ? OF_A_TASK_SECONDS : LONGEST_SECONDS;
}

/** In seconds. */
export function expiryOf(
  { expiresIn }: { readonly expiresIn?: Duration | undefined },
  identity: Identity,
): number {
  const longest = longestUrlSeconds(identity);
  const asked = expiresIn && decodeDuration(expiresIn) / 1_000;
  return asked && asked > 0 ? Math.min(Math.ceil(asked), longest) : longest;
}
