/** What the findings of an image are derived from. */
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
  /** The language that it seems to be made for; undefined without any interpreter. */
  readonly language: Language | undefined;
  /** The interpreter of `a0`. */
  readonly python: PythonFacts | undefined;
}

export interface CheckedMachine {
  readonly driver?: string | undefined;
}

export function subjectOf(reference: string, facts: ImageFacts, { driver }: CheckedMachine): Subject {
  const { container } = facts;
  const python = pythonOfA0(container);
  const ready: Language[] = [
    ...(isReady(container, python) ? (["python"] as const) : []),
    ...(isNodeReady(container) ? (["typescript"] as const) : []),
  ];
  return { reference, facts, container, driver, ready, language: languageOf(container, ready), python };
}

function isReady(container: ContainerFacts, python: PythonFacts | undefined): boolean {
  if (python === undefined || container.a0Error !== undefined) return false;
  return readyPythons(container).includes(python);
}

function isNodeReady({ programs, node }: ContainerFacts): boolean {
  if (programs["a0-ts"] === undefined || node?.version === undefined) return false;
  return node.boxkite !== undefined && isAtLeast(node.version, FIRST_NODE);
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
