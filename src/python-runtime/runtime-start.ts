/** How an image without flyte is started, in terms that every executor can carry out. */
import type { RuntimeFit } from "../domain/runtime-fit.ts";

/** Where containers have the runtime and the programs. Tracebacks and compiled modules name these paths. */
export const RUNTIME_PATH = "/run/boxkite/python-runtime";
export const PROGRAMS_PATH = "/run/boxkite/python-programs";

/** Of a directory, read-only. An executor on a cluster copies its content to the target before the start. */
export interface Mount {
  readonly source: string;
  readonly target: string;
}

/** Instead of the word `a0` a container runs the interpreter with `arguments`; the arguments of `a0` follow. */
export interface RuntimeStart {
  /** Its path in the image. */
  readonly interpreter: string;
  readonly mounts: readonly Mount[];
  readonly arguments: readonly string[];
}

/** Directories on the engine's machine. */
export interface RuntimeDirectories {
  readonly runtime: string;
  readonly programs: string;
}

export function mountsOf({ runtime, programs }: RuntimeDirectories): readonly Mount[] {
  return [
    { source: runtime, target: RUNTIME_PATH },
    { source: programs, target: PROGRAMS_PATH },
  ];
}

/** Undefined where none is needed, or none helps. */
export function runtimeStartOf(
  interpreter: string,
  directories: RuntimeDirectories,
  fit: RuntimeFit,
): RuntimeStart | undefined {
  const mode = modeOf(fit);
  if (mode === undefined) return undefined;
  return {
    interpreter,
    mounts: mountsOf(directories),
    arguments: [`${PROGRAMS_PATH}/boot.py`, mode, RUNTIME_PATH],
  };
}

/** The first argument of boot.py and probe.py. */
export function modeOf(fit: RuntimeFit): string | undefined {
  switch (fit.kind) {
    case "has_flyte":
    case "refuse":
      return undefined;
    case "append":
    case "prepend":
      return fit.kind;
    case "route":
      return `route=${fit.packages.join(",")}`;
  }
}
