/**
 * Files that a step reads but that do not become part of the image: requirements, wheels, project files.
 *
 * They are mounted, not copied. A builder does not read the content of a mount when it decides whether
 * a cached layer is still good (Buildah never, BuildKit by its own rules), so the name carries the digest:
 * other content is another step. The names are also free of the client's folders and of spaces.
 */
import { createHash } from "node:crypto";

export interface StagedInput {
  /** Its path, relative to the build context. */
  readonly path: string;
  /** The files it consists of; `to: ""` is the input itself. */
  readonly parts: readonly InputPart[];
}

export interface InputPart {
  /** A path of the uploaded context. */
  readonly from: string;
  readonly to: string;
}

export interface Inputs {
  /** One file; returns its path for a mount. */
  file(from: string, name: string): string;
  folder(name: string, parts: readonly InputPart[]): string;
  staged(): readonly StagedInput[];
}

/** `digestOf` throws if the upload does not contain a path. */
export function createInputs(root: string, digestOf: (path: string) => string): Inputs {
  const staged = new Map<string, StagedInput>();
  const add = (name: string, parts: readonly InputPart[]): string => {
    const path = `${root}/${name}-${digestParts(parts, digestOf)}`;
    staged.set(path, { path, parts });
    return path;
  };
  return {
    file: (from, name) => add(name, [{ from, to: "" }]),
    folder: add,
    staged: () => [...staged.values()],
  };
}

function digestParts(parts: readonly InputPart[], digestOf: (path: string) => string): string {
  const hash = createHash("sha256");
  for (const { from, to } of parts) hash.update(`${to}\0${digestOf(from)}\0`);
  return hash.digest("hex").slice(0, 16);
}
