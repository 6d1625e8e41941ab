/** Images are pulled before attempts need them: a few at a time, in order, and only those that are not there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { ResolvedImage } from "../../domain/image.ts";
import { silentLogger } from "../../lib/log.ts";
import { createPrefetch } from "./prefetch.ts";

const image = (name: string, source: ResolvedImage["source"] = "registry"): ResolvedImage => ({
  reference: `${name}:1`,
  pinned: `${name}@sha256:1`,
  digest: "sha256:1",
  source,
});

function setup(present: readonly string[] = []) {
  const pulls = new Map<string, PromiseWithResolvers<void>>();
  const trusted: boolean[] = [];
  const prefetch = createPrefetch({
    api: { inspectImage: async (name) => (present.includes(name) ? ({} as never) : undefined) },
    puller: {
      pull: ({ reference }, isTrusted) => {
        const pull = Promise.withResolvers<void>();
        pulls.set(reference, pull);
        trusted.push(isTrusted);
        return pull.promise;
      },
    },
    log: silentLogger,
  });
  return { prefetch, pulls, trusted, asked: () => [...pulls.keys()] };
}

test("two at a time, in their order; one that fails makes room for the next", async () => {
  const { prefetch, pulls, trusted, asked } = setup();
  prefetch.add(
    ["a", "b", "c", "d"].map((name) => image(name)),
    false,
  );
  await turn();
  assert.deepEqual(asked(), ["a:1", "b:1"]);
  pulls.get("b:1")?.reject(new Error("no answer"));
  await turn();
  assert.deepEqual(asked(), ["a:1", "b:1", "c:1"]);
  pulls.get("a:1")?.resolve();
  await turn();
  assert.deepEqual(asked(), ["a:1", "b:1", "c:1", "d:1"]);
  assert.deepEqual(trusted, [false, false, false, false]);
});

test("none that the engine has, that no registry has, or that is being pulled", async () => {
  const { prefetch, asked } = setup(["here@sha256:1"]);
  prefetch.add([image("here"), image("local", "engine"), image("a"), image("a")], true);
  await turn();
  prefetch.add([image("a")], true);
  await turn();
  assert.deepEqual(asked(), ["a:1"]);
});

test("what has not begun at the end is forgotten", async () => {
  const { prefetch, pulls, asked } = setup();
  prefetch.add([image("a"), image("b"), image("c")], true);
  await turn();
  prefetch.close();
  pulls.get("a:1")?.resolve();
  await turn();
  assert.deepEqual(asked(), ["a:1", "b:1"]);
});
