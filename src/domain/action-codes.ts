/** Codes of the errors that Boxkite itself gives to actions and attempts; what a task raises has the exception's name. */
import type { ErrorKind } from "./errors.ts";

/**
 * By who can fix it; some may be either, depending on the cause. Of the refused calls' codes, those that an
 * executor meets while it starts an attempt are here again. docs/errors.md explains each; a test compares the two.
 */
export const ACTION_CODES = {
  user: [
    // The SDK has an exception of its own for these two.
    "ImagePullBackOff",
    "InvalidImageName",
    "StartFailed",
    "ENTRYPOINT_NOT_FOUND",
    "ENTRYPOINT_NOT_EXECUTABLE",
    "ENTRYPOINT_FAILED",
    "ARGUMENTS_TOO_LONG",
    "WRONG_ARCHITECTURE",
    "IMAGE_USER_NOT_FOUND",
    "IMAGE_CANNOT_RUN",
    "CONTAINER_REFUSED",
    "GPU_NOT_SUPPORTED",
    "ATTEMPT_OPTION_UNSUPPORTED",
    "POD_TEMPLATE_UNKNOWN",
    "OCI_RUNTIME_UNAVAILABLE",
    "NoOutputs",
    "OutputsTooLarge",
    "UnreadableError",
    "OOMKilled",
    "Killed",
    "ExitCode",
    "MAX_RUNTIME_EXCEEDED",
    "QUEUED_TIMEOUT_EXCEEDED",
    "DEADLINE_EXCEEDED",
  ],
  system: [
    "ImagePullBackOff",
    "REGISTRY_UNREACHABLE",
    "REGISTRY_RATE_LIMITED",
    "CONFIG_INVALID",
    "DISK_FULL",
    "DATA_DIRECTORY_UNUSABLE",
    "OBJECT_DAMAGED",
    "Interrupted",
    "CONTAINER_REMOVED",
    "WORKER_ENDED",
    "MACHINE_RESTARTED",
    "ENGINE_RESTARTED",
    "ENGINE_UNREACHABLE",
    "ENGINE_FAILED",
    "RUNTIME_FETCH_FAILED",
    "EXECUTOR_FAILED",
    "STOPPED_BEFORE_START",
  ],
} as const satisfies Record<ErrorKind, readonly string[]>;

export type ActionCode = (typeof ACTION_CODES)[ErrorKind][number];
