/** Range requests, RFC 9110 section 14. */
import type { ByteRange } from "../object-store.ts";
import { S3Error } from "./s3-error.ts";

/**
 * The bytes that are asked for; undefined for all of them, as for several ranges at once and for what is
 * not a range. Throws InvalidRange if none of the bytes exists.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "");
  const [, first = "", last = ""] = match ?? [];
  if (match === null || (first === "" && last === "")) return undefined;
  if (first === "") return within(Math.max(size - Number(last), 0), size - 1, size);
  if (last !== "" && Number(last) < Number(first)) return undefined;
  return within(Number(first), last === "" ? size - 1 : Math.min(Number(last), size - 1), size);
}

function within(start: number, end: number, size: number): ByteRange {
  if (start < size) return { start, end };
  throw new S3Error("InvalidRange", "The requested range is not satisfiable", {
    ActualObjectSize: String(size),
  });
}
