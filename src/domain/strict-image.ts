/** The variable by which an environment or a run says that its images are black boxes: nothing is adapted to them. */
import { BoxkiteError } from "./errors.ts";
import { quoted } from "./text.ts";

export const STRICT_IMAGE = "BOXKITE_STRICT_IMAGE";

const VALUES: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["false", false],
  ["0", false],
  ["", false],
]);

/** Throws INVALID_ARGUMENT for a value that is neither true nor false. */
export function isStrictImage(env: Readonly<Record<string, string>>): boolean {
  const value = env[STRICT_IMAGE] ?? "";
  const isStrict = VALUES.get(value.toLowerCase());
  if (isStrict !== undefined) return isStrict;
  throw new BoxkiteError(
    "INVALID_ARGUMENT",
    `the environment variable ${STRICT_IMAGE} is ${quoted(value)}, which is neither true nor false`,
    { hint: "set it to true, or leave it out" },
  );
}
