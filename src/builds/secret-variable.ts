/** Secrets for image builds are read from the server's environment, from variables with a prefix. */
import type { SecretMount } from "../images/image-spec.ts";

const PREFIX = "BOXKITE_BUILD_SECRET_";

/** `index_token` of no group is BOXKITE_BUILD_SECRET_INDEX_TOKEN; a group stands in front of its key. */
export function secretVariable({ group, key }: Pick<SecretMount, "group" | "key">): string {
  const name = [group, key].filter((part) => part !== "").join("_");
  return PREFIX + name.toUpperCase().replaceAll(/[^A-Z0-9]/gu, "_");
}
