/** Digests by which equal requests and builds are recognized. */
import { createHash } from "node:crypto";
import { type ContextLimits, refuseAbove } from "./context-limits.ts";
import type { UploadedContext } from "./context.ts";

/** The digest of a value regardless of the order of its keys, as hex. */
export function digestOf(value: unknown): string {
  const sorted = JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
  return createHash("sha256").update(sorted).digest("hex");
}

/** The digest of an upload, as hex; "" if there is none. Throws LIMIT_EXCEEDED before reading one that is too large. */
export async function digestUpload(
  context: UploadedContext | undefined,
  { archiveBytes }: ContextLimits,
  signal: AbortSignal,
): Promise<string> {
  if (context === undefined) return "";
  refuseAbove(context.sizeBytes, archiveBytes, "the uploaded build context");
  const hash = createHash("sha256");
  for await (const chunk of await context.open()) {
    signal.throwIfAborted();
    hash.update(chunk as Buffer);
  }
  return hash.digest("hex");
}
