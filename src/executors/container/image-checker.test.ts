/** What a check asks of registry, engine and store: each only once, and nothing for an image that is known. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { NO_POLICY } from "./confinement.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { EngineInfo } from "../../containers/types.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { ImageFacts, ImageFactsKey } from "../../domain/image-facts.ts";
import { FACTS_VERSION } from "../../images/check/facts-cache.ts";
import type { RegistryClient } from "../../images/registry/registry-client.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import { createImageChecker } from "./image-checker.ts";

const DIGEST = `sha256:${"d".repeat(64)}`;
const ENGINE_ID = `sha256:${"e".repeat(64)}`;
const INFO = {
  architecture: "amd64",
  os: "linux",
  memoryBytes: 0,
  limits: { cpu: true, memory: true, pids: true },
} as EngineInfo;

function setup(options: { readonly isComplete?: boolean; readonly isLocal?: boolean } = {}) {
  const { isComplete = true, isLocal = false } = options;
  const clock = steppedClock();
  const asked: string[] = [];
  const kept = new Map<string, ImageFacts>();
  let hasImage = false;
  let nonce = "";
  let stream = new PassThrough();
  const api = {
    engine: "podman",
    listContainers: async () => [],
    inspectImage: async (name: string) =>
      isLocal
        ? {
            id: ENGINE_ID,
            os: "linux",
            architecture: "amd64",
            sizeBytes: 7,
            env: {},
            entrypoint: [],
            cmd: [],
            volumes: [],
            user: "",
            workdir: "",
            stopSignal: "",
            layers: ["sha256:1"],
          }
        : hasImage && name.includes(DIGEST)
          ? {}
          : undefined,
    createContainer: async (_name: string, { Cmd }: { Cmd: string[] }) => {
      asked.push("container");
      nonce = Cmd.find((each) => /^b[0-9a-f]{32}$/u.test(each)) ?? "";
      return { kind: "created", id: "c" };
    },
    attachContainer: async () => (stream = new PassThrough()),
    startContainer: async () => {
      const text = Buffer.from(`${nonce} begin sh\n${isComplete ? `${nonce} end\n` : ""}`);
      const head = Buffer.alloc(8);
      head.writeUInt32BE(text.length, 4);
      stream.end(Buffer.concat([head, text]));
    },
    removeContainer: async () => {},
  } as unknown as EngineApi;
  const registry = {
    resolve: async () => {
      asked.push("resolve");
      if (isLocal) throw new BoxkiteError("IMAGE_NOT_FOUND", "not there");
      return { digest: DIGEST, mediaType: "", platforms: [] };
    },
    describe: async () => {
      asked.push("describe");
      const config = {
        platform: { os: "linux", architecture: "amd64" },
        user: "",
        workdir: "",
        entrypoint: [],
        cmd: [],
        env: {},
        volumes: [],
        stopSignal: "",
        healthcheck: false,
      };
      return { digest: DIGEST, mediaType: "", platforms: [], layers: [], annotations: {}, config };
    },
  } as unknown as RegistryClient;
  const checker = createImageChecker({
    api,
    info: INFO,
    instance: "i",
    policy: NO_POLICY,
    registryFor: () => registry,
    puller: {
      pull: async () => {
        asked.push("pull");
        hasImage = true;
      },
      close: () => {},
    },
    cache: {
      findImageFacts: async (key: ImageFactsKey) => kept.get(JSON.stringify(key)),
      recordImageFacts: async (key, facts) => void kept.set(JSON.stringify(key), facts),
    },
    clock,
  });
  return { checker, asked, kept, clock, present: () => (hasImage = true) };
}

test("an image is pulled and read once, and then known by its digest", async () => {
  const { checker, asked, kept } = setup();
  const first = await checker.check("registry.test/team/app:1");
  assert.deepEqual(asked, ["resolve", "describe", "pull", "container"]);
  assert.deepEqual([first.isCached, first.image.digest], [false, DIGEST]);
  asked.length = 0;
  const second = await checker.check("registry.test/team/app:latest");
  assert.deepEqual(asked, ["resolve"]);
  assert.deepEqual([second.isCached, second.facts], [true, first.facts]);
  assert.deepEqual(
    [...kept.keys()],
    [JSON.stringify({ digest: DIGEST, platform: "linux/amd64", version: FACTS_VERSION })],
  );
});

test("checks of one image at the same time share its containers", async () => {
  const { checker, asked } = setup();
  await Promise.all([1, 2, 3].map(() => checker.check("registry.test/team/app:1")));
  assert.equal(asked.filter((each) => each === "container").length, 1);
});

test("what was not read to its end is not kept", async () => {
  const { checker, kept, asked, clock } = setup({ isComplete: false });
  const { image, facts } = await checker.check("registry.test/team/app:1");
  assert.equal(facts.container.complete, false);
  assert.equal(kept.size, 0);
  const containers = () => asked.filter((what) => what === "container").length;
  const before = containers();
  await checker.readPresent(image);
  assert.equal(containers(), before, "each start of many does not pay for it");
  await clock.step(10 * 60_000);
  await checker.readPresent(image);
  assert.ok(containers() > before);
});

test("an image that only the engine has is read from there, and known by its id", async () => {
  const { checker, asked, kept } = setup({ isLocal: true });
  const { image, facts } = await checker.check("localhost/team/app:1");
  assert.deepEqual([image.source, image.digest, facts.sizeBytes], ["engine", ENGINE_ID, 7]);
  assert.deepEqual(asked, ["container"]);
  assert.match([...kept.keys()][0] ?? "", new RegExp(ENGINE_ID, "u"));
});

test("what is known of an image is read without pulling it", async () => {
  const { checker, asked, present } = setup();
  const image = {
    reference: "registry.test/team/app:1",
    pinned: `registry.test/team/app@${DIGEST}`,
    digest: DIGEST,
    source: "registry",
  } as const;
  assert.equal(await checker.readPresent(image), undefined);
  assert.deepEqual(asked, []);
  present();
  const facts = await checker.readPresent(image);
  assert.equal(facts?.container.complete, true);
  assert.deepEqual(asked, ["describe", "container"]);
  assert.deepEqual(await checker.readPresent(image), facts);
  assert.deepEqual(asked, ["describe", "container"]);
});
