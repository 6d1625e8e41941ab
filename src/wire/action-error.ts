/** The error of an action or attempt in the two forms that the protocol has for it. */
import { create } from "@bufbuild/protobuf";
import type { ActionError } from "../domain/action.ts";
import { textOf } from "../domain/errors.ts";
import {
  ContainerError_Kind,
  ExecutionErrorSchema,
  type ExecutionError,
} from "./gen/flyteidl2/core/execution_pb.js";
import { ErrorInfoSchema, type ErrorInfo } from "./gen/flyteidl2/workflow/run_definition_pb.js";
import { encodeBlame, encodeExecutionBlame } from "./phase.ts";

/** As details have it. */
export function encodeErrorInfo(error: ActionError): ErrorInfo {
  return create(ErrorInfoSchema, { message: textOf(error), code: error.code, kind: encodeBlame(error.kind) });
}

/** As the updates have it that a parent watches. */
export function encodeExecutionError(error: ActionError): ExecutionError {
  return create(ExecutionErrorSchema, {
    code: error.code,
    message: textOf(error),
    kind: encodeExecutionBlame(error.kind),
    recoverability: error.recoverable ? ContainerError_Kind.RECOVERABLE : ContainerError_Kind.NON_RECOVERABLE,
  });
}
