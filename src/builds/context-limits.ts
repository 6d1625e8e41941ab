/** How large an uploaded build context may be. */
import { Transform } from "node:stream";
import { BoxkiteError } from "../domain/errors.ts";

export interface ContextLimits {
  /** As it was uploaded. */
  readonly archiveBytes: number;
  readonly unpackedBytes: number;
  readonly entries: number;
}

export const CONTEXT_LIMITS: ContextLimits = {
  archiveBytes: 2 * 1024 ** 3,
  unpackedBytes: 4 * 1024 ** 3,
  entries: 200_000,
};

export const IGNORE_HINT =
  "Leave out what the image does not need: .with_dockerignore(...) or a .dockerignore file.";

/** Passes bytes on, and fails with LIMIT_EXCEEDED once there are more than `limit`. */
export function bounded(limit: number, what: string): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      try {
        refuseAbove(bytes, limit, what);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

/** Throws LIMIT_EXCEEDED. */
export function refuseAbove(bytes: number, limit: number, what: string): void {
  if (bytes <= limit) return;
  const mebibytes = Math.floor(limit / 1024 ** 2);
  throw new BoxkiteError("LIMIT_EXCEEDED", `${what} is larger than ${mebibytes} MiB`, { hint: IGNORE_HINT });
}
