/** The errors that a task may end with, as its caller sees them. */

/** A child task failed. `name` is the class of the error that the child threw; its fields are on this object. */
export class TaskError extends Error {
  override name = "TaskError";
  /** The class name of the child's error, or the server's code, such as `ImagePullBackOff`. */
  readonly code: string;
  /** Who can fix it: the author, or the operator of the platform. */
  readonly kind: "user" | "system" | "unknown";
  /** The stack in the child's container, if it sent one. */
  readonly remoteStack: string | undefined;

  constructor(message: string, options: TaskErrorOptions) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = options.code;
    this.kind = options.kind;
    this.remoteStack = options.remoteStack;
  }
}

export interface TaskErrorOptions {
  readonly code: string;
  readonly kind: "user" | "system" | "unknown";
  readonly remoteStack?: string | undefined;
  readonly cause?: unknown;
}

/** A child ran or waited longer than a limit allows. `bound` names the limit. */
export class TaskTimeoutError extends TaskError {
  override name = "TaskTimeoutError";
  readonly bound: "maxRuntime" | "maxQueuedTime" | "deadline" | undefined;

  constructor(message: string, options: TaskErrorOptions) {
    super(message, options);
    this.bound = TIMEOUT_BOUNDS[options.code];
  }
}

/** The server's codes for exceeded limits. */
export const TIMEOUT_BOUNDS: Readonly<Record<string, TaskTimeoutError["bound"]>> = {
  DEADLINE_EXCEEDED: "deadline",
  MAX_RUNTIME_EXCEEDED: "maxRuntime",
  QUEUED_TIMEOUT_EXCEEDED: "maxQueuedTime",
};

/** A child exceeded its memory limit. */
export class OutOfMemoryError extends TaskError {
  override name = "OutOfMemoryError";
}

/** A child, a condition or the run itself was aborted. */
export class ActionAbortedError extends Error {
  override readonly name = "ActionAbortedError";
}

/** Thrown by authors: the action fails without further retries. */
export class NonRecoverableError extends Error {
  override name = "NonRecoverableError";
}

/** A condition was not answered in time. */
export class ConditionTimeoutError extends Error {
  override readonly name = "ConditionTimeoutError";
}

/** A function that needs a running task was called outside of one. */
export class NotInTaskError extends Error {
  override readonly name = "NotInTaskError";

  constructor(what: string) {
    super(`${what} works inside a running task only; start one with flyte.run(task, inputs)`);
  }
}

/** A task was called inside a trace, whose result could then not be replayed from its record. */
export class TaskInTraceError extends Error {
  override readonly name = "TaskInTraceError";

  constructor(taskName: string, traceName: string) {
    super(
      `${taskName} was called inside the trace ${traceName}; call it outside, or run its function in place with forward()`,
    );
  }
}

/** A deployed task was not found, or is not what the reference declares. */
export class RemoteTaskError extends Error {
  override readonly name = "RemoteTaskError";
}
