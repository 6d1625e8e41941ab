/** The error of a failed build: the step, its last lines, and a hint where there is one. */
import { ImageBuildError } from "../authoring/image-build-error.ts";
import { TaskError } from "../authoring/errors.ts";
import { splitHint } from "../../client/server-error.ts";
import { BoxkiteError, messageOf } from "../../domain/errors.ts";

export type Engine = "docker" | "podman";

const SHOWN_LINES = 15;

/** For a run of the server's builder (its error is quoted whole, and so no cause), whose message has the step and its last lines (src/builds/failure.ts). */
export function failedRemotely(image: string, url: string, cause: unknown): ImageBuildError {
  // decodeError takes a line of the log that looks like a stack frame for the start of a stack.
  const stack = cause instanceof TaskError ? cause.remoteStack : undefined;
  const said = [messageOf(cause), ...(stack === undefined ? [] : [stack])].join("\n");
  const { message, hint } = splitHint(said);
  const { step, log } = parseStep(message.split("\n"));
  return new ImageBuildError(image, `the build of ${image} failed: ${url}\n${message}`, {
    step,
    log,
    hint,
  });
}

/** A step may span several lines, each but the last ending with a backslash; its output follows. */
function parseStep(lines: readonly string[]): {
  readonly step: string | undefined;
  readonly log: readonly string[];
} {
  const start = lines.findIndex((line) => line.startsWith(STEP));
  if (start < 0) return { step: undefined, log: lines.slice(1) };
  let end = start + 1;
  while (lines[end - 1]?.endsWith("\\")) end++;
  return { step: lines.slice(start, end).join("\n").slice(STEP.length), log: lines.slice(end) };
}

const STEP = "step: ";

/** `engine`: what was searched for. */
export function engineMissing(engine: string): BoxkiteError {
  return new BoxkiteError("ENGINE_UNREACHABLE", `${engine} was not found on this machine`, {
    hint: 'install it, or let the server build: image.builder: remote in the configuration, or initFromConfig({ imageBuilder: "remote" }); "none" for a server whose tasks are processes',
  });
}

/** For an engine's command on this machine. */
export function failedLocally(image: string, engine: Engine, cause: unknown): BoxkiteError {
  if ((cause as NodeJS.ErrnoException).code === "ENOENT") {
    return engineMissing(engine);
  }
  const log = logOf(cause);
  const step = stepOf(outputOf(cause as Output));
  const message = [
    `${engine} could not build ${image}`,
    ...(step === undefined ? [] : [`step: ${step}`]),
    ...log,
  ];
  return new ImageBuildError(image, message.join("\n"), { step, log, cause });
}

/** The last lines of a command that failed. */
export function logOf(failure: unknown): readonly string[] {
  const lines = ((failure as Output).stderr ?? "").trimEnd().split("\n");
  return lines.filter((line) => line !== "").slice(-SHOWN_LINES);
}

interface Output {
  readonly stdout?: string;
  readonly stderr?: string;
}

function outputOf({ stdout = "", stderr = "" }: Output): string {
  return `${stdout}\n${stderr}`;
}

/** `STEP 2/3: RUN false` of podman, `Step 2/3 : RUN false` of docker, ` > [2/3] RUN false:` of its BuildKit. */
const STEPS = /^(?:STEP \d+\/\d+ ?: (.*)| > \[[^\]]*\] (.*):)$/gim;

function stepOf(output: string): string | undefined {
  const last = [...output.matchAll(STEPS)].at(-1);
  return last?.[1] ?? last?.[2];
}
