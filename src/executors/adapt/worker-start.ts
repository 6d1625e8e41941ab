/** How a worker is started in an image whose attempts are started in a known way: see domain/worker-protocol.ts. */
import { posix } from "node:path";
import type { WorkerMode } from "../../domain/warm-start.ts";
import type { Language, Subject } from "../../images/check/subject.ts";
import type { FittedRuntime } from "../../python-runtime/runtime-fitter.ts";
import { PROGRAMS_PATH } from "../../python-runtime/runtime-start.ts";
import type { AttemptSpec } from "../executor.ts";
import type { NoWorker, WorkerStart } from "../start-adapter.ts";
import { FORK_WATCHDOG_MS, WORKER_PATH, WORKER_PROTOCOL } from "../../domain/worker-protocol.ts";
import type { ProgramStart } from "./program-start.ts";

/** A directory with its `__main__.py`. */
const PYTHON_WORKER = `${PROGRAMS_PATH}/worker`;

export interface WorkerStartContext {
  readonly spec: AttemptSpec;
  readonly subject: Subject;
  readonly language: Language;
  readonly program: ProgramStart;
  readonly runtime: FittedRuntime | undefined;
  /** Whether the ENTRYPOINT is replaced. */
  readonly replacesEntrypoint: boolean;
  /** Arguments of `a0` or `a0-ts`, without that word. */
  readonly args: readonly string[];
  /** On this machine. Undefined: files of this machine cannot be mounted. */
  readonly programs: string | undefined;
}

export function workerStartOf(context: WorkerStartContext): WorkerStart | NoWorker {
  const { language, programs, spec, replacesEntrypoint, args } = context;
  if (programs === undefined) return { cold: "nothing of this machine can be mounted into its container" };
  if (language === "typescript") {
    if (context.subject.container.node?.workers !== WORKER_PROTOCOL)
      return { cold: "the image's boxkite has no workers, or other ones than this server's" };
    const words = (mode: WorkerMode) => ["a0-ts", "--worker", mode, WORKER_PATH];
    return { language, words, replacesEntrypoint, mounts: [], args };
  }
  const python = pythonWords(context);
  if ("cold" in python) return python;
  const { interpreter, options } = python;
  const words = (mode: WorkerMode) => {
    const watchdog = mode === "fork" ? ["--watchdog", String(FORK_WATCHDOG_MS / 1000)] : [];
    return [interpreter, PYTHON_WORKER, mode, WORKER_PATH, ...watchdog, ...options];
  };
  // A mounted runtime brings the programs along.
  const isMounted = spec.readOnlyMounts?.some(({ target }) => target === PROGRAMS_PATH) === true;
  const mounts = isMounted ? [] : [{ source: programs, target: PROGRAMS_PATH }];
  return { language, words, replacesEntrypoint, mounts, args };
}

interface PythonWords {
  readonly interpreter: string;
  readonly options: readonly string[];
}

function pythonWords({ spec, program, runtime, subject }: WorkerStartContext): PythonWords | NoWorker {
  if (spec.env["PATH"] !== undefined) return { cold: "the task sets PATH, by which its program is found" };
  if (program.kind === "runtime") {
    if (runtime?.start === undefined) return { cold: "the image has no runtime of its own" };
    const [, ...boot] = runtime.start.arguments;
    return { interpreter: runtime.start.interpreter, options: ["--boot", ...boot] };
  }
  if (program.kind === "interpreter") {
    const { path, hasA0 } = program.python;
    return {
      interpreter: path,
      options: hasA0 ? ["--a0", posix.join(posix.dirname(path), "a0")] : [],
    };
  }
  const { python, hasOwnA0, ready, container } = subject;
  const a0 = container.programs["a0"];
  if (python === undefined || a0 === undefined || hasOwnA0 || !ready.includes("python"))
    return { cold: "the interpreter of the image's a0 is not known" };
  return { interpreter: python.path, options: ["--a0", a0] };
}
