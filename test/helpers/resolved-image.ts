import type { ResolvedImage } from "../../src/domain/image.ts";

/** For tests in which it does not matter which one it is. */
export const IMAGE: ResolvedImage = {
  reference: "image:1",
  pinned: "image@sha256:1",
  digest: "sha256:1",
  source: "registry",
};
