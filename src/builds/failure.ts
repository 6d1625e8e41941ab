/** Explains a failed build: which image, which step, its last output, and a hint. */
import { BoxkiteError } from "../domain/errors.ts";
import { findFailure } from "../lib/failure-table.ts";
import type { BuildFailed } from "./builder.ts";
import { ENGINE_BUILD_FAILURES } from "./engine-failures.ts";
import { type ContainerfileStep, layerSteps } from "./instructions.ts";
import { STEP_FAILURES } from "./step-failures.ts";

const SHOWN_LINES = 20;

/** Puts the image in front of whatever a build failed for. */
export function namingImage(error: unknown, image: string): unknown {
  if (!(error instanceof BoxkiteError)) return error;
  const { code, message, hint, recoverable } = error;
  return new BoxkiteError(code, `image ${image} was not built: ${message}`, {
    hint,
    recoverable,
    cause: error,
  });
}

export function explainFailure(failed: BuildFailed, steps: readonly ContainerfileStep[]): BoxkiteError {
  const engine = engineFailureOf(failed);
  if (engine !== undefined) {
    return new BoxkiteError(engine.code, `the engine could not finish the build: ${lastLine(failed)}`, {
      hint: engine.hint?.(undefined),
      recoverable: engine.retry !== "never",
      cause: failed,
    });
  }
  const step = failedStep(failed, steps);
  const output = failed.lines.map((line) => line.trimEnd()).filter((line) => line !== "");
  const message = [
    `${step?.title ?? "the build"} failed`,
    ...(step === undefined ? [] : [`step: ${step.summary}`]),
    ...output.slice(-SHOWN_LINES),
  ].join("\n");
  const known = findFailure(STEP_FAILURES, { text: output.join("\n") }, undefined);
  return new BoxkiteError(known?.code ?? "IMAGE_BUILD_FAILED", message, {
    hint: known?.hint?.(undefined) ?? changeHint(step),
    recoverable: false,
    cause: failed,
  });
}

/** By the last line, which is the engine's own message: a step may print the same. */
export function engineFailureOf(failed: BuildFailed) {
  return findFailure(ENGINE_BUILD_FAILURES, { text: lastLine(failed) }, undefined);
}

function lastLine({ lines }: BuildFailed): string {
  return lines.findLast((line) => line.trim() !== "")?.trim() ?? "";
}

function failedStep({ at }: BuildFailed, steps: readonly ContainerfileStep[]): ContainerfileStep | undefined {
  if (at === undefined) return undefined;
  if ("step" in at) return steps[at.step];
  if ("layer" in at) return layerSteps(steps)[at.layer];
  return steps.find((step) => step.firstLine <= at.line && at.line <= step.lastLine);
}

function changeHint(step: ContainerfileStep | undefined): string {
  return step?.layer === undefined
    ? "See the build's log for its whole output."
    : `Change layer ${step.layer} of the image and run again; the layers before it are kept.`;
}
