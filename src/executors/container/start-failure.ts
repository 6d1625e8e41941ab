/**
 * Why a container could not be started, in words that say what to do. Podman answers every failed start
 * with status 500, and Docker with 400, 404 or 500 depending on its age; the exit code that Docker
 * notes (126, 127) is looked at first, and only then the text of the OCI runtime.
 */
import type { AttemptExit } from "../../domain/attempt.ts";
import type { ActionCode } from "../../domain/action-codes.ts";
import type { AttemptSpec } from "../executor.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { EngineResponseError } from "../../containers/http.ts";
import { remedyFor } from "../../containers/start-trouble.ts";

export interface StartFailureContext extends ImageContext {
  readonly engine: EngineApi["engine"];
}

interface ImageContext {
  readonly spec: AttemptSpec;
  /** Exit code that the engine noted for a container that never ran; 0 where it notes none. */
  readonly notedExitCode: number;
  /** `linux/arm64` of the image, where it is not the engine's own. */
  readonly foreignPlatform: string | undefined;
}

const NOT_FOUND = /executable file .*not found|no such file or directory|command that was not found/i;
const NOT_PERMITTED = /permission denied|is a directory|not a regular file/i;
const EXEC_FORMAT = /exec format error/i;
const NO_GPU = /could not select device driver .*gpu/i;
const NO_USER = /unable to find (user|group) |no matching entries in (passwd|group) file/i;

export function startFailure(error: EngineResponseError, context: StartFailureContext): AttemptExit {
  const text = error.message;
  // First: the OCI runtime's words for it end in "permission denied", as for a program that may not be executed.
  const remedy = remedyFor(context.engine, text);
  if (remedy !== undefined) return engineFailure(text, remedy);
  if (EXEC_FORMAT.test(text)) return execFormatFailure(context);
  if (NO_GPU.test(text)) {
    return failed(
      context,
      "GPU_NOT_SUPPORTED",
      "the task asks for a GPU, and Docker has no driver for one",
      "install the NVIDIA container toolkit for Docker and restart it: nvidia-ctk runtime configure --runtime=docker && systemctl restart docker",
    );
  }
  if (NO_USER.test(text)) {
    return failed(
      context,
      "IMAGE_USER_NOT_FOUND",
      `the image's USER is not in its /etc/passwd: ${quote(text)}`,
      "give USER as a number in its Dockerfile, or create the user there",
    );
  }
  // Before "not found": both texts end in the words of the OCI runtime that follow.
  if (context.notedExitCode === 126 || NOT_PERMITTED.test(text)) {
    const program = programOf(context.spec);
    return failed(
      context,
      "ENTRYPOINT_NOT_EXECUTABLE",
      `${program} may not be executed by the image's user: ${quote(text)}`,
      `set its execute bit (chmod 755) in the Dockerfile, for every user that the image runs as`,
    );
  }
  if (context.notedExitCode === 127 || NOT_FOUND.test(text)) return notFound(context, text);
  if (error.status < 500) {
    return failed(
      context,
      "CONTAINER_REFUSED",
      `the engine refused it: ${quote(text)}`,
      "see the task's resources and the image's settings",
    );
  }
  return engineFailure(text);
}

function engineFailure(message: string, hint?: string): AttemptExit {
  return {
    reason: "lost",
    outOfMemory: false,
    code: "ENGINE_FAILED",
    message,
    ...(hint !== undefined && { hint }),
  };
}

/** A program for another processor, or a script whose first line does not name its interpreter. */
export function execFormatFailure(context: ImageContext): AttemptExit {
  const program = programOf(context.spec);
  if (context.foreignPlatform !== undefined) {
    return failed(
      context,
      "WRONG_ARCHITECTURE",
      `the image is for ${context.foreignPlatform}, and this engine cannot run that`,
      "build it for this machine too: podman build --platform linux/amd64,linux/arm64 --manifest NAME …",
    );
  }
  return failed(
    context,
    "WRONG_ARCHITECTURE",
    `${program} is not a program for this processor, nor a script that begins with #! (exec format error)`,
    "does the ENTRYPOINT script begin with #!/bin/sh? Were files of another architecture copied into the image?",
  );
}

function notFound(context: ImageContext, text: string): AttemptExit {
  const { spec } = context;
  const named = /exec: "([^"]+)"/.exec(text)?.[1] ?? spec.command[0] ?? spec.args[0] ?? "the ENTRYPOINT";
  const hint =
    named === "a0"
      ? "is `flyte` installed in it, and is its directory of programs on PATH? In the Dockerfile: RUN pip install flyte, and ENV PATH=/path/to/venv/bin:$PATH"
      : "see ENTRYPOINT and PATH in its Dockerfile; a script may also name an interpreter in its #! line that the image lacks";
  return failed(context, "ENTRYPOINT_NOT_FOUND", `\`${named}\` was not found in it`, hint);
}

function failed({ spec }: ImageContext, code: ActionCode, what: string, hint: string): AttemptExit {
  const message = `image ${spec.image.reference} could not be started: ${what}`;
  return { reason: "start_failed", outOfMemory: false, code, message, hint };
}

function programOf(spec: AttemptSpec): string {
  const program = spec.command[0];
  return program === undefined ? "its entrypoint" : `\`${program}\``;
}

function quote(text: string): string {
  return withoutCall(text).slice(0, 500);
}

/** The engine's own words, without which call it was that they answer. */
export function withoutCall(text: string): string {
  return text.replace(/^the container engine answered [^:]*: /, "");
}
