import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import type { ImageBuildService } from "../builds/service.ts";
import { EVERYONE } from "../domain/principal.ts";
import type { LogSink } from "../domain/attempt.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { RunRecord } from "../domain/run.ts";
import type { AttemptSpec } from "../executors/executor.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import type { StoreReader } from "../store/reader.ts";
import { ErrorDocumentSchema, ExecutionError_ErrorKind } from "../wire/gen/flyteidl2/core/execution_pb.js";
import type { LiteralSchema } from "../wire/gen/flyteidl2/core/literals_pb.js";
import { ImageSpecSchema } from "../wire/gen/flyteidl2/imagebuilder/definition_pb.js";
import { InputsSchema } from "../wire/gen/flyteidl2/task/common_pb.js";
import { buildImageWork, type BuildWorkOptions } from "./build-task.ts";

const KEY = { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 };

function stringLiteral(text: string): MessageInitShape<typeof LiteralSchema> {
  const primitive = { value: { case: "stringValue" as const, value: text } };
  return {
    value: { case: "scalar", value: { value: { case: "primitive", value: primitive } } },
  };
}

/** A build that ends with this error: what was written, and to the log. */
async function failingWith(error: BoxkiteError, specUri = "s3://bucket/p/d/uploads/spec") {
  const written = new Map<string, Uint8Array>();
  const logged: string[] = [];
  const ended: unknown[] = [];
  const inputs = create(InputsSchema, {
    literals: ["spec", "target_image"].map((name) => ({
      name,
      value: stringLiteral(name === "spec" ? specUri : "team/image:1"),
    })),
  });
  const image = toBinary(ImageSpecSchema, create(ImageSpecSchema, { baseImage: "h.io/base:1" }));
  const options = {
    store: {
      getRun: async () => ({
        key: KEY,
        baseUri: "s3://bucket/base",
        authority: EVERYONE,
        settings: { cache: {} },
      }),
      getAction: async () => ({ key: KEY, inputUri: "s3://bucket/inputs" }),
    } as unknown as StoreReader,
    objects: {
      head: async () => ({ size: image.length }),
      readAll: async (key: string) => (key === "inputs" ? toBinary(InputsSchema, inputs) : image),
      put: async (key: string, bytes: Uint8Array) => void written.set(key, bytes),
    } as unknown as ObjectStore,
    bucket: "bucket",
    builds: { build: () => Promise.reject(error) } as unknown as ImageBuildService,
    unusedImages: { building: () => () => {}, refused: () => {} },
    rights: { mayRead: async () => false },
    readSecret: () => undefined,
    scopes: { secrets: new Map(), registries: new Map() },
    onEnded: (run: RunRecord, target: string, failure?: unknown) =>
      ended.push([run.key.run, target, failure instanceof BoxkiteError && failure.code]),
    clock: steppedClock(),
  } as unknown as BuildWorkOptions;
  const logs: LogSink = {
    write: (_stream, line) => logged.push(line),
    flush: async () => {},
    lastAtMs: undefined,
  };
  const spec = { key: KEY } as unknown as AttemptSpec;
  const thrown = await buildImageWork(options)
    .run(spec, logs, new AbortController().signal)
    .catch((reason: unknown) => reason);
  return { thrown, written, logged, ended };
}

test("a build reads only what was uploaded to its own project, or what its run may read", async () => {
  for (const spec of ["s3://bucket/other/d/uploads/spec", "s3://bucket/p/d/runs/r2/a0/1/outputs.pb"]) {
    const error = new BoxkiteError("IMAGE_BUILD_FAILED", "it was built");
    const { written, ended } = await failingWith(error, spec);
    assert.deepEqual(ended, [["r", "team/image:1", "PERMISSION_DENIED"]]);
    const document = fromBinary(ErrorDocumentSchema, [...written.values()][0] ?? assert.fail());
    assert.equal(document.error?.code, "PERMISSION_DENIED");
  }
});

suite("a build that fails", () => {
  test("for the engine's own reasons, is left to the next attempt", async () => {
    for (const code of ["ENGINE_FAILED", "REGISTRY_UNREACHABLE"] as const) {
      const error = new BoxkiteError(code, "layer not known");
      const { thrown, written } = await failingWith(error);
      assert.equal(thrown, error);
      assert.equal(written.size, 0);
    }
  });

  test("for good, is reported once, by who can mend it", async () => {
    for (const [error, origin] of [
      [new BoxkiteError("IMAGE_BUILD_FAILED", "step", { hint: "mend it" }), ExecutionError_ErrorKind.USER],
      [
        new BoxkiteError("ENGINE_FAILED", "full disk", { recoverable: false }),
        ExecutionError_ErrorKind.SYSTEM,
      ],
    ] as const) {
      const { thrown, written, logged } = await failingWith(error);
      assert.equal(thrown, undefined);
      const document = fromBinary(ErrorDocumentSchema, [...written.values()][0] ?? assert.fail());
      assert.deepEqual([document.error?.code, document.error?.origin], [error.code, origin]);
      assert.ok(document.error?.message.startsWith(error.message));
      // The orchestrator writes the error to the log.
      assert.deepEqual(logged, []);
    }
  });
});
