import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { EngineApi } from "../../containers/api.ts";
import type { PullOptions } from "../../containers/types.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { ResolvedImage } from "../../domain/image.ts";
import { NO_REGISTRIES } from "../../images/registry/registries.ts";
import type { RegistryClient } from "../../images/registry/registry-client.ts";
import { type SteppedClock, steppedClock } from "../../../test/helpers/stepped-clock.ts";
import { createImagePuller } from "./image-puller.ts";

const IMAGE: ResolvedImage = {
  reference: "registry.example.com/team/train:1",
  pinned: `registry.example.com/team/train@sha256:${"a".repeat(64)}`,
  digest: `sha256:${"a".repeat(64)}`,
  source: "registry",
};

/** `missing`: why the registry does not return the layers. */
function pullerWith(
  pull: (options: PullOptions, clock: SteppedClock) => Promise<void>,
  missing?: BoxkiteError,
) {
  const clock = steppedClock();
  let pulls = 0;
  const api = {
    engine: "podman",
    pullImage: async (_reference: string, options: PullOptions) => {
      pulls++;
      await pull(options, clock);
    },
  } as unknown as EngineApi;
  const registry = {
    resolve: async () => ({}),
    requireAllowed: async () => {},
    requireLayers: async () => {
      if (missing !== undefined) throw missing;
    },
  } as unknown as RegistryClient;
  const puller = createImagePuller({
    api,
    registryFor: () => registry,
    credentials: async () => undefined,
    registries: NO_REGISTRIES,
    pullByCommand: undefined,
    clock,
  });
  return { puller, pulls: () => pulls, clock };
}

suite("image puller", () => {
  test("a pull that the removal of another image disturbs is tried again", async () => {
    let disturbed = 2;
    const { puller, pulls, clock } = pullerWith(async () => {
      if (disturbed-- > 0)
        throw new BoxkiteError("ENGINE_FAILED", "checking if layer exists: layer not known");
    });
    const pulled = puller.pull(IMAGE, true, () => {});
    await clock.step(1_000);
    await pulled;
    assert.equal(pulls(), 3);
  });

  test("what the engine refuses for another reason is not", async () => {
    const { puller, pulls } = pullerWith(async () => {
      throw new BoxkiteError("ENGINE_FAILED", "manifest unknown");
    });
    await assert.rejects(
      puller.pull(IMAGE, true, () => {}),
      { code: "ENGINE_FAILED" },
    );
    assert.equal(pulls(), 1);
  });

  test("an image that the registry has only in part is the user's, a damaged one is tried again", async () => {
    for (const [text, code, recoverable] of [
      ["reading blob sha256:1: blob unknown to registry", "IMAGE_NOT_FOUND", false],
      ["Digest did not match, expected sha256:1, got sha256:2", "REGISTRY_UNREACHABLE", true],
      ["toomanyrequests: slow down", "REGISTRY_RATE_LIMITED", true],
      ["writing blob: no space left on device", "ENGINE_FAILED", false],
    ] as const) {
      const { puller } = pullerWith(async () => {
        throw new BoxkiteError("ENGINE_FAILED", text);
      });
      await assert.rejects(
        puller.pull(IMAGE, true, () => {}),
        { code, recoverable, message: `podman could not pull ${IMAGE.pinned}: ${text}` },
      );
    }
  });

  test("a pull that the registry keeps waiting ends with what the registry does", async () => {
    const silent = new BoxkiteError("REGISTRY_UNREACHABLE", "no answer", { recoverable: false });
    const { puller, clock } = pullerWith(
      ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason as Error));
        }),
      silent,
    );
    const pulled = puller.pull(IMAGE, true, () => {});
    pulled.catch(() => {});
    await clock.step(20_000);
    await assert.rejects(pulled, silent);
  });

  test("progress is reported twice a second at most", async () => {
    const { puller } = pullerWith(async ({ onProgress }, clock) => {
      for (let layer = 0; layer < 100; layer++) {
        onProgress?.({ id: `${layer}`, status: "Download complete" });
        await clock.step(10);
      }
    });
    const messages: string[] = [];
    await puller.pull(IMAGE, true, (message) => messages.push(message));
    assert.deepEqual(messages, [
      "pulling image registry.example.com/team/train:1",
      "pulling image registry.example.com/team/train:1: 51 of 51 layers",
    ]);
  });
});
