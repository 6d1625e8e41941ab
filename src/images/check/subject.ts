/** What the findings of an image are derived from. */
import { posix } from "node:path";
import type { ContainerFacts, ImageFacts, PythonFacts } from "../../domain/image-facts.ts";
import { flyteOf, pythonOfA0, readyPythons } from "./interpreters.ts";
import { FIRST_NODE, isAtLeast, speaksToServer } from "./versions.ts";

export type Language = "python" | "typescript";

export interface Subject {
  readonly reference: string;
  readonly facts: ImageFacts;
  readonly container: ContainerFacts;
  /** NVIDIA's driver of the machine that runs the tasks; undefined where it has none, or nothing is known. */
  readonly driver: string | undefined;
  /** Whose tasks run in it as it is, apart from its ENTRYPOINT. */
  readonly ready: readonly Language[];
  /** Of the tasks that are to run in it; else the one that it seems to be made for, undefined without any interpreter. */
  readonly language: Language | undefined;
  /** The interpreter of `a0`. */
  readonly python: PythonFacts | undefined;
  /** Whether its `a0` is a script or program of its own: what that starts is not known. */
  readonly hasOwnA0: boolean;
}

/** What is known beside the image. */
export interface CheckContext {
  readonly driver?: string | undefined;
  /** Of the tasks that are to run in it. */
  readonly language?: Language | undefined;
}

export function subjectOf(
  reference: string,
  facts: ImageFacts,
  { driver, language: asked }: CheckContext,
): Subject {
  const { container } = facts;
  const python = pythonOfA0(container);
  const ready: Language[] = [
    ...(isReady(container, python) ? (["python"] as const) : []),
    ...(isNodeReady(container) ? (["typescript"] as const) : []),
  ];
  const language = asked ?? languageOf(container, ready);
  const hasOwnA0 = isOwnA0(container, python);
  return { reference, facts, container, driver, ready, language, python, hasOwnA0 };
}

function isReady(container: ContainerFacts, python: PythonFacts | undefined): boolean {
  if (python === undefined || container.a0Error !== undefined) return false;
  return readyPythons(container).includes(python);
}

/**
 * A script of another language, or an archive that brings flyte along. An interpreter that does not run, as of an environment
 * that was moved, makes no program of its own.
 */
function isOwnA0(container: ContainerFacts, python: PythonFacts | undefined): boolean {
  const { programs, a0Interpreter = "" } = container;
  if (programs["a0"] === undefined) return false;
  if (python === undefined) return !posix.basename(a0Interpreter).startsWith("python");
  return flyteOf(python) === undefined && readyPythons(container).length === 0;
}

function isNodeReady({ programs, node }: ContainerFacts): boolean {
  if (programs["a0-ts"] === undefined || node?.version === undefined) return false;
  return isAtLeast(node.version, FIRST_NODE);
}

function languageOf(
  { programs, pythons, node }: ContainerFacts,
  ready: readonly Language[],
): Language | undefined {
  if (ready[0] !== undefined) return ready[0];
  if (programs["a0-ts"] !== undefined && programs["a0"] === undefined) return "typescript";
  if (pythons.length > 0) return "python";
  return node === undefined ? undefined : "typescript";
}

/** What `flyte` beside the image's `a0` is, if it cannot call this server. */
export function oldFlyteOf({ python }: Subject): string | undefined {
  const flyte = python && flyteOf(python);
  return flyte === undefined || speaksToServer(flyte) ? undefined : flyte;
}
