/** Where a run contradicts the check of its image: either of the two is wrong. */
import type { AvailableAdaptations } from "../../../src/images/check/adaptations.ts";
import { mendingText } from "../../../src/images/check/certain-refusal.ts";
import type { ImageReport } from "../../../src/images/check/report.ts";
import type { SeenRun } from "./run-images.ts";

/** Findings that keep tasks from running whose code is sent with the run, by an SDK of today. */
const LIMITS_SENT_CODE = ["WORKDIR_NOT_WRITABLE", "TAR_MISSING", "FLYTE_BEFORE_START_TIME"];

export function disagreementOf(
  report: ImageReport,
  available: AvailableAdaptations,
  { outcome, text }: SeenRun,
): string | undefined {
  const predicted = predictionOf(report, available);
  const seen = outcome === "runs" ? "runs" : "fails";
  if (predicted !== "unknown" && predicted !== seen)
    return `the check says that a task ${predicted}, and the run ended with: ${outcome} ${text}`;
  return outcome === "IMAGE_CANNOT_RUN" ? unexplained(report, text) : undefined;
}

function predictionOf(
  { verdict, findings }: ImageReport,
  available: AvailableAdaptations,
): "runs" | "fails" | "unknown" {
  if (verdict.kind === "unchecked") return "unknown";
  if (verdict.kind === "cannot") return "fails";
  const isLimited = findings.some(
    ({ code, adaptation }) =>
      LIMITS_SENT_CODE.includes(code) && (adaptation === undefined || !available.has(adaptation)),
  );
  return isLimited ? "fails" : "runs";
}

/** A refusal names what was found, and what mends it. */
function unexplained({ findings }: ImageReport, text: string): string | undefined {
  const named = findings.filter(({ code }) => text.includes(code));
  if (named.length === 0) return `the refusal names none of the findings: ${text}`;
  const mended = named.some(({ mend }) => text.includes(mendingText(mend) ?? text));
  return mended ? undefined : `the refusal does not say what mends it: ${text}`;
}
