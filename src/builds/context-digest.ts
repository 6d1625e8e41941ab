/** Digests of a build context, by which equal contexts are recognized. */
import { createHash } from "node:crypto";
import { posix } from "node:path";

export interface UnpackedContext {
  /** Over all names, contents and modes, not times. */
  readonly digest: string;
  /** Of a file, or of a folder with everything below it; undefined if neither exists. */
  readonly digestOf: (path: string) => string | undefined;
}

/** The context of a build that uploaded nothing. */
export const EMPTY_CONTEXT: UnpackedContext = describeContext(new Map());

/** From the digest of each path. */
export function describeContext(digests: ReadonlyMap<string, string>): UnpackedContext {
  const paths = [...digests.keys()].toSorted();
  const folder = (prefix: string): string | undefined => {
    const below = paths.filter((path) => path.startsWith(prefix));
    if (below.length === 0) return undefined;
    const hash = createHash("sha256");
    for (const path of below) hash.update(`${path.slice(prefix.length)}\0${digests.get(path) ?? ""}\0`);
    return hash.digest("hex");
  };
  return {
    digest: folder("") ?? createHash("sha256").digest("hex"),
    digestOf: (path) => {
      const clean = posix.normalize(path).replace(/\/$/, "");
      return digests.get(clean) ?? folder(clean === "." ? "" : `${clean}/`);
    },
  };
}
