/** Names, labels and annotations: they are shown and listed, and no place for data. */
import { BoxkiteError } from "../domain/errors.ts";
import { quoted } from "../domain/text.ts";

/** Of all together, as Kubernetes has it for the annotations of an object. */
const MAX_BYTES = 256 * 1024;

/** Returns them. Throws LIMIT_EXCEEDED. `what`: "labels" or "annotations". */
export function requireShortTexts(
  values: Readonly<Record<string, string>>,
  what: string,
): Readonly<Record<string, string>> {
  const sizes = Object.entries(values).map(
    ([name, value]) => [name, Buffer.byteLength(name) + Buffer.byteLength(value)] as const,
  );
  const bytes = sizes.reduce((sum, [, size]) => sum + size, 0);
  if (bytes <= MAX_BYTES) return values;
  const [largest] = sizes.reduce((a, b) => (b[1] > a[1] ? b : a));
  throw new BoxkiteError(
    "LIMIT_EXCEEDED",
    `the ${what} of the run have ${bytes.toLocaleString("en-US")} bytes together, and may have ${MAX_BYTES.toLocaleString("en-US")} (256 KiB); the largest is ${quoted(largest)}`,
    { hint: "pass data as an input of the task, as a File where it is large" },
  );
}

/** Of a name, in UTF-16 code units: longer than any that people write. */
export const MAX_NAME_LENGTH = 512;

/** Returns it. Throws LIMIT_EXCEEDED. `what`: for example "the name of the task". */
export function requireShortName(name: string, what: string): string {
  if (name.length <= MAX_NAME_LENGTH) return name;
  throw new BoxkiteError("LIMIT_EXCEEDED", `${what} is too long: ${quoted(name)}`, {
    hint: `choose one of at most ${MAX_NAME_LENGTH} characters`,
  });
}
