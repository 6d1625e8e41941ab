/** error.pb: the reason why an action failed, for the server and the caller. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { ErrorRecord } from "../sdk/authoring/error-record.ts";
import {
  ContainerError_Kind,
  ErrorDocumentSchema,
  ExecutionError_ErrorKind,
} from "../wire/gen/flyteidl2/core/execution_pb.js";

const KINDS = {
  user: ExecutionError_ErrorKind.USER,
  system: ExecutionError_ErrorKind.SYSTEM,
  unknown: ExecutionError_ErrorKind.UNKNOWN,
} as const;

export function encodeErrorDocument(record: ErrorRecord): Uint8Array {
  return toBinary(
    ErrorDocumentSchema,
    create(ErrorDocumentSchema, {
      error: {
        code: record.code,
        message: record.message,
        origin: KINDS[record.kind],
        kind: record.recoverable ? ContainerError_Kind.RECOVERABLE : ContainerError_Kind.NON_RECOVERABLE,
      },
    }),
  );
}

export function decodeErrorDocument(bytes: Uint8Array): ErrorRecord {
  const { error } = fromBinary(ErrorDocumentSchema, bytes);
  return {
    code: error?.code ?? "",
    message: error?.message ?? "",
    kind: decodeErrorKind(error?.origin ?? ExecutionError_ErrorKind.UNKNOWN),
    recoverable: error?.kind === ContainerError_Kind.RECOVERABLE,
  };
}

export function decodeErrorKind(kind: ExecutionError_ErrorKind): ErrorRecord["kind"] {
  if (kind === ExecutionError_ErrorKind.USER) return "user";
  return kind === ExecutionError_ErrorKind.SYSTEM ? "system" : "unknown";
}
