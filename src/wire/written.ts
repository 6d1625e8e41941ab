/** What a task's runtime wrote under its output prefix (seen with flyte 2.12.1). */
import { fromBinary } from "@bufbuild/protobuf";
import type { BlameKind } from "../domain/action.ts";
import type { Written } from "../domain/outcome.ts";
import {
  ContainerError_Kind,
  ErrorDocumentSchema,
  ExecutionError_ErrorKind,
} from "./gen/flyteidl2/core/execution_pb.js";

/** `read` gives the bytes of an object, or undefined. The error wins over the outputs, as in Flyte. */
export async function readWritten(
  read: (uri: string) => Promise<Uint8Array | undefined>,
  exists: (uri: string) => Promise<boolean>,
  prefix: string,
): Promise<Written> {
  const error = await read(`${prefix}/error.pb`);
  if (error !== undefined) return decodeError(error);
  return (await exists(`${prefix}/outputs.pb`)) ? { kind: "outputs" } : { kind: "nothing" };
}

function decodeError(bytes: Uint8Array): Written {
  const { error } = fromBinary(ErrorDocumentSchema, bytes);
  return {
    kind: "error",
    whileLoading: error?.origin === undefined || error.origin === ExecutionError_ErrorKind.UNKNOWN,
    error: {
      code: error?.code || "UnknownError",
      message: error?.message ?? "",
      kind: blame(error?.origin),
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
