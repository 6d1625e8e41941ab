/** Parses `a0-ts --worker MODE DIRECTORY [--concurrency N]`. */
import { UsageError } from "../arguments.ts";

export interface WorkerArguments {
  readonly mode: "one_shot" | "resident";
  /** The worker's directory: domain/worker-protocol.ts. */
  readonly directory: string;
  /** Attempts at the same time. */
  readonly concurrency: number;
}

const SYNOPSIS = "a0-ts --worker one_shot|resident DIRECTORY [--concurrency N]";

/** `words`: those behind `--worker`. Throws UsageError. */
export function parseWorkerArguments(words: readonly string[]): WorkerArguments {
  const [mode, directory, ...options] = words;
  if (mode === "fork") {
    throw new UsageError(
      "--worker fork: Node cannot fork a process with the modules that it has loaded; use one_shot",
    );
  }
  if (mode !== "one_shot" && mode !== "resident")
    throw new UsageError(`--worker ${mode ?? ""}: expected ${SYNOPSIS}`);
  if (directory === undefined || directory === "")
    throw new UsageError(`--worker ${mode} needs a directory: ${SYNOPSIS}`);
  return { mode, directory, concurrency: concurrencyOf(mode, options) };
}

function concurrencyOf(mode: WorkerArguments["mode"], options: readonly string[]): number {
  if (options.length === 0) return 1;
  const [name = "", value = "", ...more] = options;
  if (name !== "--concurrency" || more.length > 0)
    throw new UsageError(`--worker does not know ${options.join(" ")}: expected ${SYNOPSIS}`);
  const concurrency = Number(value);
  if (!/^\d+$/u.test(value) || concurrency < 1)
    throw new UsageError(`--concurrency ${value}: expected a whole number of at least 1`);
  if (mode === "one_shot" && concurrency > 1)
    throw new UsageError("--concurrency: a one_shot worker takes exactly one attempt");
  return concurrency;
}
