/** Explains a failed build: which step failed, its last output, and a hint. */
import { BoxkiteError } from "../domain/errors.ts";
import type { BuildFailed } from "./builder.ts";
import { STORAGE_FAILURES } from "../containers/failures/storage.ts";
import { findFailure } from "../lib/failure-table.ts";
import type { ContainerfileStep } from "./instructions.ts";
import { STEP_FAILURES } from "./step-failures.ts";

const SHOWN_LINES = 20;

export function explainFailure(failed: BuildFailed, steps: readonly ContainerfileStep[]): BoxkiteError {
  const engine = engineFailureOf(failed);
  if (engine !== undefined) {
    return new BoxkiteError(engine.code, `the engine could not finish the build: ${lastLine(failed)}`, {
      hint: engine.hint?.(undefined),
      cause: failed,
    });
  }
  const step = failedStep(failed, steps);
  const output = failed.lines.map((line) => line.trimEnd()).filter((line) => line !== "");
  const message = [
    `${step?.title ?? "the build"} failed`,
    ...(step === undefined ? [] : [`step: ${step.text}`]),
    ...output.slice(-SHOWN_LINES),
  ].join("\n");
  return new BoxkiteError("IMAGE_BUILD_FAILED", message, {
    hint: hintFor(output.join("\n"), step),
    cause: failed,
  });
}

/** The engine's own message is the last line, after the output of the steps. */
export function engineFailureOf(failed: BuildFailed) {
  return findFailure(STORAGE_FAILURES, { text: lastLine(failed) }, undefined);
}

function lastLine({ lines }: BuildFailed): string {
  return lines.findLast((line) => line.trim() !== "")?.trim() ?? "";
}

function failedStep({ at }: BuildFailed, steps: readonly ContainerfileStep[]): ContainerfileStep | undefined {
  if (at === undefined) return undefined;
  if ("step" in at) return steps[at.step];
  if ("layer" in at) return steps.filter(({ text }) => /^(FROM|RUN|COPY|WORKDIR) /.test(text))[at.layer];
  return steps.find((step) => step.firstLine <= at.line && at.line <= step.lastLine);
}

function hintFor(output: string, step: ContainerfileStep | undefined): string {
  const known = findFailure(STEP_FAILURES, { text: output }, undefined);
  if (known?.hint !== undefined) return known.hint(undefined);
  return step?.layer === undefined
    ? "See the build's log for its whole output."
    : `Change layer ${step.layer} of the image and run again; the layers before it are kept.`;
}
