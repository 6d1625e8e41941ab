import assert from "node:assert/strict";
import { test } from "node:test";
import { pinOf } from "./image.ts";

const SHA = `sha256:${"1".repeat(64)}`;

test("an image is pinned by a digest, by the engine's id, or by nothing", () => {
  const reference = "team/app:1";
  const inRegistry = {
    reference,
    pinned: `docker.io/team/app@${SHA}`,
    digest: SHA,
    source: "registry",
  } as const;
  assert.deepEqual(pinOf(inRegistry), { kind: "digest", value: SHA });
  const inEngine = { reference, pinned: SHA, digest: SHA, source: "engine" } as const;
  assert.deepEqual(pinOf(inEngine), { kind: "image ID", value: SHA });
  assert.equal(pinOf({ reference, pinned: reference, digest: "none", source: "host" }), undefined);
});
