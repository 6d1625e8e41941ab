/** The program that runs a task in its image: the one on PATH, or the interpreter that the check of the image found. */
import { posix } from "node:path";
import type { AttemptStart } from "../../domain/attempt-start.ts";
import type { PythonFacts } from "../../domain/image-facts.ts";
import { runtimeVariantOf } from "../../images/check/adaptations.ts";
import { flyteOf, modernPythons, preferredPython, readyPythons } from "../../images/check/interpreters.ts";
import type { Language, Subject } from "../../images/check/subject.ts";
import { FLYTE_WITH_START_TIME, isAtLeast } from "../../images/check/versions.ts";

export type ProgramStart =
  /** As its arguments say. */
  | { readonly kind: "on_path" }
  /** This interpreter has flyte: `words` instead of `a0`. */
  | { readonly kind: "interpreter"; readonly python: PythonFacts; readonly words: readonly string[] }
  /** This one has none, and there is a runtime for it. */
  | { readonly kind: "runtime"; readonly python: PythonFacts };

/** As an installed `a0` does, for a Python that has flyte without its programs. */
const RUN_A0 = "import sys; sys.argv[0] = 'a0'; from flyte._bin.runtime import main; sys.exit(main())";

/** `mountsRuntimes`: whether flyte can be mounted where attempts run. */
export function pythonProgram(
  { container, ready, hasOwnA0, python: onPath }: Subject,
  mountsRuntimes: boolean,
): ProgramStart {
  if (ready.includes("python") || hasOwnA0) return { kind: "on_path" };
  const python = readyPythons(container).find((each) => each !== onPath);
  if (python !== undefined) {
    const words = python.hasA0
      ? [python.path, posix.join(posix.dirname(python.path), "a0")]
      : [python.path, "-c", RUN_A0];
    return { kind: "interpreter", python, words };
  }
  // An image that has flyte is left alone, whatever is wrong with it.
  if (modernPythons(container).some((each) => flyteOf(each) !== undefined)) return { kind: "on_path" };
  const preferred = preferredPython(container);
  return mountsRuntimes && preferred !== undefined && runtimeVariantOf(preferred) !== undefined
    ? { kind: "runtime", python: preferred }
    : { kind: "on_path" };
}

/** The option by which newer SDKs start tasks; a value follows. */
export const START_TIME = "--run-start-time";

/** Arguments without the option that this flyte refuses. */
export function withoutStartTime(args: readonly string[]): readonly string[] {
  const at = args.indexOf(START_TIME);
  return at < 0 ? args : args.toSpliced(at, 2);
}

/** The version of the image's own flyte that refuses `--run-start-time`; undefined for others. */
export function flyteBeforeStartTime({ python: onPath }: Subject, program: ProgramStart): string | undefined {
  const python = program.kind === "interpreter" ? program.python : onPath;
  const flyte = program.kind === "runtime" || python === undefined ? undefined : flyteOf(python);
  return flyte === undefined || isAtLeast(flyte, FLYTE_WITH_START_TIME) ? undefined : flyte;
}

/** What runs the task, where the image was read; `flyte`: of a mounted runtime. */
export function startedBy(
  { container, python: onPath }: Subject,
  language: Language,
  program: ProgramStart,
  flyte?: string,
): Pick<AttemptStart, "interpreter" | "sdk"> {
  if (language === "typescript") {
    const { path, version, boxkite } = container.node ?? {};
    return {
      ...(path !== undefined && version !== undefined && { interpreter: { path, version } }),
      ...(boxkite !== undefined && { sdk: { name: "boxkite", version: boxkite } }),
    };
  }
  const python = program.kind === "on_path" ? onPath : program.python;
  const version = flyte ?? (python && flyteOf(python));
  return {
    ...(python?.version !== undefined && { interpreter: { path: python.path, version: python.version } }),
    ...(version !== undefined && { sdk: { name: "flyte", version } }),
  };
}
