import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  ContainerError_Kind,
  ErrorDocumentSchema,
  ExecutionError_ErrorKind,
} from "./gen/flyteidl2/core/execution_pb.js";
import { BoxkiteError } from "../domain/errors.ts";
import { MAX_INLINE_BYTES } from "./inline-size.ts";
import { readWritten, type WrittenObjects } from "./written.ts";

/** Objects by URI; a number stands for an object of that size that is never read. */
function objects(found: Readonly<Record<string, Uint8Array | number>>): WrittenObjects {
  return {
    size: async (uri) => {
      const object = found[uri];
      return typeof object === "number" ? object : object?.length;
    },
    read: async (uri) => {
      const object = found[uri];
      assert.notEqual(typeof object, "number", `${uri} is too large to be read`);
      return object as Uint8Array | undefined;
    },
  };
}

function document(origin: ExecutionError_ErrorKind): Uint8Array {
  const error = { code: "ValueError", message: "no", origin, kind: ContainerError_Kind.RECOVERABLE };
  return toBinary(ErrorDocumentSchema, create(ErrorDocumentSchema, { error }));
}

test("an error wins over outputs; whose fault it is and when it came are read from it", async () => {
  const both = { "p/error.pb": document(ExecutionError_ErrorKind.USER), "p/outputs.pb": new Uint8Array([1]) };
  assert.deepEqual(await readWritten(objects(both), "p"), {
    kind: "error",
    whileLoading: false,
    error: { code: "ValueError", message: "no", kind: "user", recoverable: true },
  });
  const loading = await readWritten(
    objects({ "p/error.pb": document(ExecutionError_ErrorKind.UNKNOWN) }),
    "p",
  );
  assert.equal(loading.kind === "error" && loading.whileLoading && loading.error.kind, "user");
  assert.deepEqual(await readWritten(objects({ "p/outputs.pb": new Uint8Array() }), "p"), {
    kind: "outputs",
  });
  assert.deepEqual(await readWritten(objects({}), "p"), { kind: "nothing" });
});

test("an error of the SDK that does not say what to do gets a hint, and a refused child blames its author", async () => {
  const errorOf = async (code: string, message: string) => {
    const error = { code, message, origin: ExecutionError_ErrorKind.SYSTEM };
    const bytes = toBinary(ErrorDocumentSchema, create(ErrorDocumentSchema, { error }));
    const written = await readWritten(objects({ "p/error.pb": bytes }), "p");
    assert.ok(written.kind === "error");
    return written.error;
  };
  const inline = await errorOf("InlineIOMaxBytesBreached", "Inputs exceed max_bytes limit of 10.0 MB");
  assert.match(inline.hint ?? "", /max_inline_io_bytes=.*64 MiB.*File/u);
  const launch = (status: string) =>
    `Controller failed for action a1 (non-retryable RuntimeSystemError): Action launch failed (${status}): no`;
  assert.equal((await errorOf("RuntimeSystemError", launch("INVALID_ARGUMENT"))).kind, "user");
  assert.equal((await errorOf("RuntimeSystemError", launch("UNAVAILABLE"))).kind, "system");
  assert.equal((await errorOf("constructor", "")).hint, undefined);
});

test("what cannot be read is the task's own failure, and what is too large is not read", async () => {
  const rows: [Record<string, Uint8Array | number>, string][] = [
    [{ "p/error.pb": new Uint8Array([0xff, 0xff, 0xff]) }, "UnreadableError"],
    [{ "p/error.pb": MAX_INLINE_BYTES + 1 }, "UnreadableError"],
    [{ "p/outputs.pb": MAX_INLINE_BYTES + 1 }, "OutputsTooLarge"],
  ];
  for (const [found, code] of rows) {
    const written = await readWritten(objects(found), "p");
    assert.equal(written.kind === "error" && written.error.code, code);
    assert.equal(written.kind === "error" && written.error.kind, "user");
  }
});

test("what the disk lost is told apart from what cannot be read now", async () => {
  const failing = (error: Error): WrittenObjects => ({
    size: async () => {
      throw error;
    },
    read: async () => undefined,
  });
  const damaged = new BoxkiteError("OBJECT_DAMAGED", "a file is damaged", { hint: "restore it" });
  assert.deepEqual(await readWritten(failing(damaged), "p"), {
    kind: "damaged",
    message: "a file is damaged",
    hint: "restore it",
  });
  await assert.rejects(readWritten(failing(new Error("too many open files")), "p"), /too many/u);
});
