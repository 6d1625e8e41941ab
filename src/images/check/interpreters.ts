/** Which interpreter of an image would run its tasks. */
import { posix } from "node:path";
import type { ContainerFacts, PythonFacts } from "../../domain/image-facts.ts";
import { FIRST_PYTHON, isAtLeast, speaksToServer } from "./versions.ts";

export function flyteOf({ packages }: PythonFacts): string | undefined {
  return packages["flyte"];
}

/** Those that run and are new enough for flyte. */
export function modernPythons({ pythons }: ContainerFacts): PythonFacts[] {
  return pythons.filter(({ version }) => version !== undefined && isAtLeast(version, FIRST_PYTHON));
}

/** Those whose flyte can call this server. */
export function readyPythons(container: ContainerFacts): PythonFacts[] {
  return modernPythons(container).filter((python) => {
    const flyte = flyteOf(python);
    return flyte !== undefined && speaksToServer(flyte);
  });
}

/** The interpreter of the `a0` that is first on PATH; undefined where there is none, or it does not run. */
export function pythonOfA0(container: ContainerFacts): PythonFacts | undefined {
  const { programs, a0Interpreter, pythons } = container;
  const a0 = programs["a0"];
  if (a0 === undefined) return undefined;
  const running = pythons.filter(({ version }) => version !== undefined);
  const named = running.find(({ path }) => path === a0Interpreter);
  if (named !== undefined) return named;
  // Of equal programs in a folder only one was started: python, python3 and python3.11 are mostly one file.
  const folder = a0Interpreter?.startsWith("/") === true ? posix.dirname(a0Interpreter) : posix.dirname(a0);
  return running.find(({ path }) => posix.dirname(path) === folder);
}

/** The `python` that is first on PATH, or the `python3` where there is no `python`. */
export function pythonOnPath({
  programs,
  pythons,
}: Pick<ContainerFacts, "programs" | "pythons">): PythonFacts | undefined {
  const path = programs["python"] ?? programs["python3"];
  if (path === undefined) return undefined;
  const beside = pythons.find((python) => posix.dirname(python.path) === posix.dirname(path));
  // Of equal programs in a folder only one was started.
  return pythons.find((python) => python.path === path) ?? (beside && { ...beside, path });
}

/** The one that a line of advice is about: that of an environment first, then the first on PATH. */
export function preferredPython(container: ContainerFacts): PythonFacts | undefined {
  const modern = modernPythons(container);
  return modern.find((python) => python.prefix !== python.basePrefix) ?? modern[0] ?? container.pythons[0];
}
