/** Messages of an engine's command line: the engine is unreachable, or does not have an image. */
import type { ErrorCode } from "../../domain/errors.ts";
import type { FailureRow } from "../../lib/failure-table.ts";

export interface CommandContext {
  /** The name or path of the executable. */
  readonly program: string;
}

export const COMMAND_FAILURES: readonly FailureRow<ErrorCode, CommandContext>[] = [
  {
    answers: { text: /cannot connect|connection refused|no such file or directory.*sock/i },
    code: "ENGINE_UNREACHABLE",
    kind: "system",
    retry: "later",
    hint: ({ program }) => `Start the engine; this must work: ${program} info`,
    source: "docker: `Cannot connect to the Docker daemon`; podman --remote",
  },
  {
    answers: { text: /no such image|image not known|not found|no such object|failed to find image/i },
    code: "IMAGE_NOT_FOUND",
    kind: "user",
    retry: "never",
    hint: ({ program }) => `Check the name; ${program} images lists the existing ones.`,
    source: "docker: `No such image`, `No such object`; podman: `image not known`, `failed to find image`",
  },
];
