/**
 * What is so certain of an image that no task needs to be started to find it out. Where anything could make the task run all the
 * same, there is nothing.
 */
import { BoxkiteError } from "../../domain/errors.ts";
import type { ImageFacts } from "../../domain/image-facts.ts";
import type { AvailableAdaptations } from "./adaptations.ts";
import type { Finding, Mend } from "./finding.ts";
import { findingsOf } from "./findings.ts";
import { subjectOf, type CheckContext, type Subject } from "./subject.ts";
import type { TaskProgram } from "./task-program.ts";

/** What an image is to be used for. */
export interface ImageUse extends Pick<CheckContext, "driver"> {
  readonly program: TaskProgram;
  /** Whether the task's variables decide where programs and modules are found. */
  readonly changesSearch: boolean;
  /** What the server does so that an image runs. */
  readonly available: AvailableAdaptations;
}

export interface JudgedFindings {
  readonly findings: readonly Finding[];
  /** Why no task can run in it. */
  readonly refusing: Finding | undefined;
}

export function judgeFindings(reference: string, facts: ImageFacts, use: ImageUse): JudgedFindings {
  const { program, driver } = use;
  if (program === "other") return { findings: [], refusing: undefined };
  const subject = subjectOf(reference, facts, {
    driver,
    ...(program !== "unknown" && { language: program }),
  });
  const findings = findingsOf(subject);
  const refusing = isConclusive(subject, use)
    ? findings.find((finding) => finding.certain && !isOvercome(finding, use) && concerns(finding, use))
    : undefined;
  return { findings, refusing };
}

export function isOvercome({ adaptation }: Finding, { available }: Pick<ImageUse, "available">): boolean {
  return adaptation !== undefined && available.has(adaptation);
}

export function refusalBy(reference: string, { code, text, mend }: Finding): BoxkiteError {
  return new BoxkiteError(
    "IMAGE_CANNOT_RUN",
    `no task can run in the image ${reference}: ${text} (${code})`,
    {
      hint: mendingText(mend) ?? `boxkite images check ${reference} says all that is known of it`,
    },
  );
}

export function mendingText({ dockerfile, sdk, other }: Mend): string | undefined {
  const lines = [dockerfile && `in its Dockerfile: ${dockerfile}`, sdk && `in the program: ${sdk}`, other];
  const all = lines.filter((line) => line !== undefined && line !== "");
  return all.length === 0 ? undefined : all.join("; or ");
}

/** Of an image that is only named, it is not known whether a program of an SDK runs in it. */
function concerns({ code }: Finding, { program }: ImageUse): boolean {
  return program !== "unknown" || code === "FLYTE_TOO_OLD";
}

/** Whether a task would find the same programs as the containers that the facts are from. */
function isConclusive({ container }: Subject, use: ImageUse): boolean {
  const { complete, startFailure, entrypoint } = container;
  if (!complete || startFailure !== undefined || use.changesSearch) return false;
  // An ENTRYPOINT may prepare an environment. One that was replaced for the check is known where it will be again.
  return (
    entrypoint === "none" ||
    entrypoint === "passes" ||
    (entrypoint === "swallows" && use.available.has("entrypoint"))
  );
}
