import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { decodeImageSpec } from "./image-spec.ts";
import { ImageSpecSchema } from "./gen/flyteidl2/imagebuilder/definition_pb.js";

function bytesOf(spec: MessageInitShape<typeof ImageSpecSchema>): Uint8Array {
  return toBinary(ImageSpecSchema, create(ImageSpecSchema, spec));
}

suite("decodeImageSpec", () => {
  test("more layers than an image can have are refused", () => {
    const layers = Array.from({ length: 201 }, () => ({
      layer: { case: "workdir" as const, value: { workdir: "/x" } },
    }));
    assert.throws(() => decodeImageSpec(bytesOf({ baseImage: "x", layers })), {
      code: "LIMIT_EXCEEDED",
      message: /201 layers/,
    });
  });

  test("layers in order, with options and secrets", () => {
    const spec = decodeImageSpec(
      bytesOf({
        baseImage: "python:3.11",
        pythonVersion: "3.11",
        platform: ["linux/amd64"],
        layers: [
          {
            layer: {
              case: "pipPackages",
              value: {
                packages: ["a"],
                options: {
                  indexUrl: "https://i",
                  extraIndexUrls: ["https://x"],
                  pre: true,
                  extraArgs: "--no-deps",
                },
                secretMounts: [{ key: "k", group: "g", envVar: "G_K" }, { key: "file" }],
              },
            },
          },
          { layer: { case: "env", value: { envVariables: { A: "1" } } } },
          { layer: { case: "uvProject", value: { pyproject: "./p/", uvlock: "p/uv.lock" } } },
        ],
      }),
    );
    assert.deepEqual(spec.layers, [
      {
        kind: "pip",
        packages: ["a"],
        options: { indexUrl: "https://i", extraIndexUrls: ["https://x"], pre: true, extraArgs: "--no-deps" },
        secrets: [
          { key: "k", group: "g", variable: "G_K" },
          { key: "file", group: "", variable: undefined },
        ],
      },
      { kind: "env", variables: { A: "1" } },
      {
        kind: "uv-project",
        directory: "p/",
        lockFile: "p/uv.lock",
        sourceDirectory: undefined,
        options: { indexUrl: "", extraIndexUrls: [], pre: false, extraArgs: "" },
        secrets: [],
      },
    ]);
  });

  test("an unknown field is refused with its path, at any depth", () => {
    // Field 99 with the value 1, after the message and inside the options of layer 1.
    const unknown = Uint8Array.of(0x98, 0x06, 0x01);
    const base = bytesOf({ baseImage: "b" });
    assert.throws(() => decodeImageSpec(Buffer.concat([base, unknown])), {
      code: "FIELD_NOT_SUPPORTED",
      message:
        "image specification: it uses what this version of Boxkite does not know (field 99 of ImageSpec)",
    });
    const options = [0x12, unknown.length, ...unknown]; // PipPackages.options
    const pip = [0x12, options.length, ...options]; // Layer.pip_packages
    const layer = [0x1a, pip.length, ...pip]; // ImageSpec.layers
    assert.throws(() => decodeImageSpec(Buffer.concat([base, Buffer.from(layer)])), {
      code: "FIELD_NOT_SUPPORTED",
      message: /^image specification: layer 1: pipPackages: options: .* \(field 99 of PipOptions\)/,
    });
  });

  test("a layer of a kind that is not known", () => {
    const layer = [0x1a, 3, 0xfa, 0x01, 0x00]; // Layer with field 31
    assert.throws(() => decodeImageSpec(Buffer.concat([bytesOf({ baseImage: "b" }), Buffer.from(layer)])), {
      code: "FIELD_NOT_SUPPORTED",
      message: /layer 1: .* \(field 31 of Layer\)/,
    });
  });

  test("no base, no path, a path that leads out, no message at all", () => {
    const copy = (src: string) =>
      bytesOf({ baseImage: "b", layers: [{ layer: { case: "copyConfig", value: { src, dst: "." } } }] });
    const code = "INVALID_ARGUMENT";
    assert.throws(() => decodeImageSpec(bytesOf({})), { code, message: /names no base/ });
    assert.throws(() => decodeImageSpec(copy("")), { code, message: /layer 1: the source to copy is empty/ });
    assert.throws(() => decodeImageSpec(copy("a/../../etc")), {
      code,
      message: /layer 1: the source to copy, "a\/\.\.\/\.\.\/etc", leads out/,
    });
    assert.throws(() => decodeImageSpec(copy("/etc/passwd")), { code, message: /leads out/ });
    assert.throws(() => decodeImageSpec(Uint8Array.of(0xff)), { code, message: /not a valid ImageSpec/ });
  });
});
