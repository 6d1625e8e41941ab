/** What a task's runtime wrote under its output prefix (seen with flyte 2.12.1). */
import { fromBinary } from "@bufbuild/protobuf";
import type { BlameKind } from "../domain/action.ts";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import type { Written } from "../domain/outcome/evidence.ts";
import { ERROR_FILE, outputsUri } from "../domain/outputs.ts";
import {
  ContainerError_Kind,
  ErrorDocumentSchema,
  type ErrorDocument,
  ExecutionError_ErrorKind,
} from "./gen/flyteidl2/core/execution_pb.js";
import { MAX_INLINE_BYTES, MAX_INLINE_TEXT } from "./inline-size.ts";
import { knownSdkError } from "./sdk-errors.ts";

/** The objects of an attempt, by URI. */
export interface WrittenObjects {
  /** In bytes; undefined where there is no such object. */
  size(uri: string): Promise<number | undefined>;
  read(uri: string): Promise<Uint8Array | undefined>;
}

/** The error wins over the outputs, as in Flyte. */
export async function readWritten(objects: WrittenObjects, prefix: string): Promise<Written> {
  try {
    return await read(objects, prefix);
  } catch (error) {
    if (!(error instanceof BoxkiteError && error.code === "OBJECT_DAMAGED")) throw error;
    return { kind: "damaged", message: error.message, hint: error.hint };
  }
}

async function read(objects: WrittenObjects, prefix: string): Promise<Written> {
  const [errorBytes, outputBytes] = await Promise.all([
    objects.size(`${prefix}/${ERROR_FILE}`),
    objects.size(outputsUri("task", prefix)),
  ]);
  if (errorBytes !== undefined) {
    if (errorBytes > MAX_INLINE_BYTES) return unreadable(ERROR_FILE, `it has ${errorBytes} bytes`);
    return decodeError((await objects.read(`${prefix}/${ERROR_FILE}`)) ?? new Uint8Array());
  }
  if (outputBytes === undefined) return { kind: "nothing" };
  return outputBytes > MAX_INLINE_BYTES ? outputsTooLarge(outputBytes) : { kind: "outputs" };
}

function outputsTooLarge(bytes: number): Written {
  const message = `the outputs have ${bytes.toLocaleString("en-US")} bytes, and ${MAX_INLINE_TEXT} may be returned by value`;
  const hint =
    "return large data as a File or Dir, in Python also as a DataFrame: their contents stay in the object store";
  return {
    kind: "error",
    whileLoading: false,
    error: { code: "OutputsTooLarge", message, hint, kind: "user", recoverable: false },
  };
}

function unreadable(file: string, why: string): Written {
  const message = `the task's ${file} cannot be read: ${why}`;
  const hint = "does something else than the flyte runtime write there?";
  return {
    kind: "error",
    whileLoading: false,
    error: { code: "UnreadableError", message, hint, kind: "user", recoverable: true },
  };
}

function decodeError(bytes: Uint8Array): Written {
  let document: ErrorDocument;
  try {
    document = fromBinary(ErrorDocumentSchema, bytes);
  } catch (error) {
    return unreadable(ERROR_FILE, messageOf(error));
  }
  const { error } = document;
  const known = knownSdkError(error?.code ?? "", error?.message ?? "");
  return {
    kind: "error",
    whileLoading: error?.origin === undefined || error.origin === ExecutionError_ErrorKind.UNKNOWN,
    error: {
      code: error?.code || "UnknownError",
      message: error?.message ?? "",
      ...(known.hint === undefined ? {} : { hint: known.hint }),
      kind: known.kind ?? blame(error?.origin),
      recoverable: error?.kind === ContainerError_Kind.RECOVERABLE,
    },
  };
}

/**
 * The runtime leaves the origin open when it could not load the task: a module that is missing, a
 * working directory it may not write. That is the image's or the code's fault, never the machine's.
 * (Seen with flyte 2.12.1.)
 */
function blame(origin: ExecutionError_ErrorKind | undefined): BlameKind {
  return origin === ExecutionError_ErrorKind.SYSTEM ? "system" : "user";
}
