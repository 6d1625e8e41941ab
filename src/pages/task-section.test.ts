import assert from "node:assert/strict";
import { test } from "node:test";
import type { ResolvedImage } from "../domain/image.ts";
import type { ActionView } from "./action-view.ts";
import { imageSection } from "./task-section.ts";

const SHA = `sha256:${"1".repeat(64)}`;

/** The facts of the section, as text. */
function shown(image: ResolvedImage | undefined): string {
  const spec = { definition: { image: "team/app:1" } };
  return imageSection({ image, spec } as ActionView)
    .toString()
    .replaceAll(/<[^>]*>/gu, " ")
    .replaceAll(/\s+/gu, " ")
    .trim();
}

test("what pins an image is called what it is", () => {
  const reference = "team/app:1";
  const pinned = `docker.io/team/app@${SHA}`;
  assert.equal(
    shown({ reference, pinned, digest: SHA, source: "registry" }),
    `Image Reference ${reference} Digest ${SHA} Runs as ${pinned} Found in registry`,
  );
  assert.equal(
    shown({ reference, pinned: SHA, digest: SHA, source: "engine", note: "local" }),
    `Image Reference ${reference} Image ID ${SHA} Found in engine (local)`,
  );
  assert.equal(
    shown({ reference, pinned: reference, digest: "none", source: "host" }),
    `Image Reference ${reference} Found in host`,
  );
  assert.equal(shown(undefined), `Image Reference ${reference} Pinned to not resolved yet`);
});
