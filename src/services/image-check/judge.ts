/**
 * From what is known of an image to what that means for a task. A refusal has to be certain: where anything could make the task
 * run all the same, there is a note instead.
 */
import { BoxkiteError } from "../../domain/errors.ts";
import type { ImageFacts } from "../../domain/image-facts.ts";
import type { RunNote } from "../../domain/run-note.ts";
import type { Finding, Mend } from "../../images/check/finding.ts";
import { findingsOf } from "../../images/check/findings.ts";
import { installPython } from "../../images/check/mending.ts";
import { reportOnError } from "../../images/check/report.ts";
import { subjectOf, type CheckContext, type Subject } from "../../images/check/subject.ts";
import type { TaskProgram } from "./task-program.ts";

/** What a server does so that an image runs. */
export type AvailableAdaptations = ReadonlySet<NonNullable<Finding["adaptation"]>>;

/** What an image is to be used for. */
export interface ImageUse {
  readonly program: TaskProgram;
  /** Whether the task's variables decide where programs and modules are found. */
  readonly changesSearch: boolean;
  readonly available: AvailableAdaptations;
  readonly machine: CheckContext;
}

export interface Judgement {
  /** Why no task can run in it. */
  readonly refusal?: BoxkiteError;
  readonly notes: readonly RunNote[];
}

export const NOTHING_FOUND: Judgement = { notes: [] };

export function judgeFacts(reference: string, facts: ImageFacts, use: ImageUse): Judgement {
  if (use.program === "other") return NOTHING_FOUND;
  const subject = subjectOf(reference, facts, use.machine);
  const findings = findingsOf(subject);
  const refusing =
    missingInterpreter(subject, use) ?? findings.find((finding) => refuses(finding, subject, use));
  return {
    ...(refusing && { refusal: refusalBy(reference, refusing) }),
    notes: findings
      .filter((finding) => finding.level !== "note" && finding !== refusing && !isOvercome(finding, use))
      .map((finding) => noteOn(reference, finding)),
  };
}

/** Of an image that could not be resolved or read. */
export function judgeError(reference: string, error: unknown): Judgement {
  if (!(error instanceof BoxkiteError)) return NOTHING_FOUND;
  const finding = findingOf(reference, error);
  if (finding === undefined) return NOTHING_FOUND;
  return finding.certain ? { refusal: error, notes: [] } : { notes: [noteOn(reference, finding)] };
}

/** The same where a refusal would be too early: what is certain for a task is a note on a run. */
export function withoutRefusal({ refusal, notes }: Judgement, reference: string): readonly RunNote[] {
  if (refusal === undefined) return notes;
  const { code, message, hint } = refusal;
  return [{ image: reference, code, text: message, ...(hint !== undefined && { mend: hint }) }, ...notes];
}

/** Undefined for an error that says nothing of the image. */
function findingOf(reference: string, error: BoxkiteError): Finding | undefined {
  try {
    return reportOnError(reference, error).findings[0];
  } catch {
    return undefined;
  }
}

function refuses(finding: Finding, subject: Subject, use: ImageUse): boolean {
  if (!finding.certain || isOvercome(finding, use) || !isConclusive(subject, use)) return false;
  const { container, python, language } = subject;
  const { a0, "a0-ts": a0ts } = container.programs;
  // A program of this name that nothing explains, such as an archive with an interpreter of its own, may work.
  const isExplained = a0 === undefined || python !== undefined;
  // Whether a program with this name runs in it is not known.
  if (use.program === "unknown") return finding.code === "FLYTE_TOO_OLD" && isExplained;
  if (finding.code === "NO_INTERPRETER") return a0 === undefined && a0ts === undefined;
  if (language !== use.program) return false;
  switch (finding.code) {
    case "PYTHON_TOO_OLD":
      return isExplained && container.pythons.every(({ version }) => version !== undefined);
    case "FLYTE_MISSING":
      return a0 === undefined;
    case "FLYTE_TOO_OLD":
      return isExplained;
    case "BOXKITE_MISSING":
      return a0ts === undefined;
    case "NODE_TOO_OLD":
      return container.node?.boxkite !== undefined;
    default:
      return false;
  }
}

/** An image for the other language has findings of that one only. */
function missingInterpreter(subject: Subject, use: ImageUse): Finding | undefined {
  const { container, language } = subject;
  if (language === undefined || language === use.program || !isConclusive(subject, use)) return undefined;
  const finding = { code: "NO_INTERPRETER", level: "blocks", certain: true } as const;
  if (use.program === "python" && container.pythons.length === 0 && container.programs["a0"] === undefined)
    return {
      ...finding,
      text: "it has no Python, at least where it usually is",
      mend: { dockerfile: installPython(subject) },
    };
  if (
    use.program === "typescript" &&
    container.node === undefined &&
    container.programs["a0-ts"] === undefined
  )
    return {
      ...finding,
      text: "it has no Node, at least where it usually is",
      mend: { dockerfile: "FROM docker.io/library/node:24-slim" },
    };
  return undefined;
}

/** Whether a task would find the same programs as the containers that the facts are from. */
function isConclusive({ container }: Subject, { changesSearch, available }: ImageUse): boolean {
  const { complete, startFailure, entrypoint } = container;
  if (!complete || startFailure !== undefined || changesSearch) return false;
  // An ENTRYPOINT may prepare an environment. One that was replaced for the check is known where it will be again.
  return (
    entrypoint === "none" ||
    entrypoint === "passes" ||
    (entrypoint === "swallows" && available.has("entrypoint"))
  );
}

function isOvercome({ adaptation }: Finding, { available }: ImageUse): boolean {
  return adaptation !== undefined && available.has(adaptation);
}

function refusalBy(reference: string, { text, mend }: Finding): BoxkiteError {
  return new BoxkiteError("IMAGE_CANNOT_RUN", `no task can run in the image ${reference}: ${text}`, {
    hint: mendingText(mend),
  });
}

function noteOn(reference: string, { code, text, mend }: Finding): RunNote {
  const line = mendingText(mend);
  return { image: reference, code, text, ...(line !== undefined && { mend: line }) };
}

function mendingText({ dockerfile, sdk, other }: Mend): string | undefined {
  const lines = [dockerfile && `in its Dockerfile: ${dockerfile}`, sdk && `in the program: ${sdk}`, other];
  const all = lines.filter((line) => line !== undefined && line !== "");
  return all.length === 0 ? undefined : all.join("; or ");
}
