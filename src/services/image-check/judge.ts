/** From what is known of an image to what that means for a task: a refusal where it is certain, else notes on its run. */
import { BoxkiteError } from "../../domain/errors.ts";
import type { ImageFacts } from "../../domain/image-facts.ts";
import type { RunNote } from "../../domain/run-note.ts";
import {
  isOvercome,
  judgeFindings,
  mendingText,
  refusalBy,
  type ImageUse,
} from "../../images/check/certain-refusal.ts";
import type { Finding } from "../../images/check/finding.ts";
import { reportOnError } from "../../images/check/report.ts";

export interface Judgement {
  /** Why no task can run in it. */
  readonly refusal?: BoxkiteError;
  readonly notes: readonly RunNote[];
}

export const NOTHING_FOUND: Judgement = { notes: [] };

export function judgeFacts(reference: string, facts: ImageFacts, use: ImageUse): Judgement {
  const { findings, refusing } = judgeFindings(reference, facts, use);
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

function noteOn(reference: string, { code, text, mend }: Finding): RunNote {
  const line = mendingText(mend);
  return { image: reference, code, text, ...(line !== undefined && { mend: line }) };
}
