/** Loads, before there is an attempt, what a cold start loads when it first needs it. */
import { preloadLibraries } from "./preload-libraries.ts";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { signHeaders } from "../../lib/sigv4-signer.ts";
import { EMPTY_SHA256 } from "../../lib/sigv4.ts";
import { decodeLiteral } from "../../wire/literals/decode.ts";
import { encodeLiteral } from "../../wire/literals/encode.ts";
import type { WireType } from "../../wire/literals/wire-type.ts";
import { InputsSchema, OutputsSchema } from "../../wire/gen/flyteidl2/task/common_pb.js";

const INTEGER: WireType = { kind: "integer", bigint: false };

export async function preload(): Promise<void> {
  await Promise.all([
    import("../container.ts"),
    import("../record-failure.ts"),
    import("../remote-controller.ts"),
    import("../../client/storage/s3-storage.ts"),
    import("tar-stream"),
    preloadLibraries(),
  ]);
  // What is made at its first use: the readers and writers of messages, and the contexts of signatures.
  const literals = [{ name: "n", value: encodeLiteral(1, INTEGER, "n") }];
  for (const schema of [InputsSchema, OutputsSchema]) {
    const read = fromBinary(schema, toBinary(schema, create(schema, { literals })));
    const [first] = read.literals;
    if (first?.value !== undefined) decodeLiteral(first.value, INTEGER, "n");
  }
  signHeaders(
    { method: "GET", path: "/", query: [], host: "localhost", headers: {}, payloadHash: EMPTY_SHA256 },
    { accessKeyId: "", secretAccessKey: "", region: "", nowMs: 0 },
  );
}
