/** Which image a reference names for a run: what it names then, or what the newest run used. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NewestPin, ResolvedImage } from "../domain/image.ts";
import { EVERYONE } from "../domain/principal.ts";
import { NO_SETTINGS, type RunRecord } from "../domain/run.ts";
import { imageOfRun, imagesIn, resolveAll, type ImagePolicy } from "./images.ts";

const RUN = {
  id: 2,
  key: { project: "p", domain: "development", run: "r2" },
  authority: EVERYONE,
  settings: NO_SETTINGS,
} as RunRecord;

const image = (reference: string, digest: string): ResolvedImage => ({
  reference,
  pinned: `${reference}@${digest}`,
  digest,
  source: "registry",
});

function setup(imagePolicy: ImagePolicy, isUnpinned = false) {
  const asked: string[] = [];
  const sources = {
    imagePolicy,
    store: {
      newestPin: async (_scope: unknown, reference: string): Promise<NewestPin | undefined> =>
        reference === "known:1" ? { run: "r1", image: image(reference, "sha256:1"), isUnpinned } : undefined,
      runImages: async () => [],
      pinImage: async (_run: unknown, pinned: ResolvedImage) => pinned,
    },
    executor: {
      resolveImage: async (reference: string) => {
        asked.push(reference);
        return image(reference, "sha256:2");
      },
    },
  };
  return { sources, asked };
}

test("a run uses what the reference names then", async () => {
  const { sources, asked } = setup("always");
  const images = imagesIn(await resolveAll(sources, ["known:1"], RUN));
  assert.deepEqual([images[0]?.digest, asked], ["sha256:2", ["known:1"]]);
});

test("or what the newest run used, without asking anybody; a new reference is resolved", async () => {
  const { sources, asked } = setup("pinned");
  const images = imagesIn(await resolveAll(sources, ["known:1", "new:1"], RUN));
  assert.deepEqual(
    images.map(({ digest, note }) => [digest, note]),
    [
      ["sha256:1", "the one that run r1 used"],
      ["sha256:2", undefined],
    ],
  );
  assert.equal((await imageOfRun(sources, RUN, "known:1")).digest, "sha256:1");
  assert.deepEqual(asked, ["new:1"]);
});

test("until it is unpinned", async () => {
  const { sources } = setup("pinned", true);
  assert.equal((await imageOfRun(sources, RUN, "known:1")).digest, "sha256:2");
});
