/** How much may be passed by value: what a task gets and returns inline is read into memory, here and by tasks. */
import { toBinary } from "@bufbuild/protobuf";
import { BoxkiteError } from "../domain/errors.ts";
import { quoted } from "../domain/text.ts";
import { NamedLiteralSchema, type NamedLiteral } from "./gen/flyteidl2/task/common_pb.js";

/** Of all inputs of a call, and of all outputs. */
export const MAX_INLINE_BYTES = 64 * 1024 * 1024;

/** The same in messages. */
export const MAX_INLINE_TEXT = `${MAX_INLINE_BYTES.toLocaleString("en-US")} (64 MiB)`;

export const INSTEAD_OF_INLINE =
  "pass large data as a File or Dir, in Python also as a DataFrame: their contents stay in the object store";

/** Throws LIMIT_EXCEEDED for inputs of so many bytes, naming the largest of `literals`, where they are known. */
export function requireInlineSize(
  bytes: number,
  whose: string,
  literals: readonly NamedLiteral[] = [],
): void {
  if (bytes <= MAX_INLINE_BYTES) return;
  const largest = largestOf(literals);
  const named = largest === undefined ? "" : `; the largest is ${quoted(largest)}`;
  throw new BoxkiteError(
    "LIMIT_EXCEEDED",
    `the inputs of ${whose} have ${bytes.toLocaleString("en-US")} bytes, and ${MAX_INLINE_TEXT} may be passed by value${named}`,
    { hint: INSTEAD_OF_INLINE },
  );
}

function largestOf(literals: readonly NamedLiteral[]): string | undefined {
  let largest: { readonly name: string; readonly bytes: number } | undefined;
  for (const literal of literals) {
    const bytes = toBinary(NamedLiteralSchema, literal).length;
    if (largest === undefined || bytes > largest.bytes) largest = { name: literal.name, bytes };
  }
  return largest?.name;
}
