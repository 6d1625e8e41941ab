/** Every layer on every kind of base, with podman. */
import { suite } from "node:test";
import { noEngine, podman, testBuilder } from "./engine.ts";
import { ALL_CASES, ALL_KINDS, layerSuite } from "./layer-suite.ts";

const skip = await noEngine();

// The package index of these tests listens on loopback, which only this isolation shares with build steps.
process.env["BUILDAH_ISOLATION"] ??= "chroot";

suite("layers, built and run", { skip, concurrency: 2 }, () =>
  layerSuite(
    {
      cli: podman,
      build: ["build", "--pull=never"],
      remove: ["image", "rm", "--force", "--ignore"],
      builder: testBuilder,
    },
    ALL_KINDS,
    ALL_CASES,
  ),
);
