/** What the check says of an image, and how long a user waits for it. */
import { chooseContainerPlatform } from "../../../src/platform/container-engine.ts";
import type { Platform } from "../../../src/platform/platform.ts";
import type { ImageChecker } from "../../../src/executors/image-checker.ts";
import { NO_ADAPTATIONS } from "../../../src/images/check/adaptations.ts";
import { reportOn, reportOnError, type ImageReport } from "../../../src/images/check/report.ts";

const PYTHON_TASK = { language: "python" } as const;

export interface SeenCheck {
  readonly report: ImageReport;
  readonly strict: ImageReport;
  readonly seconds: number;
}

export interface MatrixChecker {
  check(reference: string): Promise<SeenCheck>;
  close(): Promise<void>;
}

/** As `boxkite images check` does, without and with `--strict`, for a Python task. */
export async function openChecker(env: NodeJS.ProcessEnv = process.env): Promise<MatrixChecker> {
  const platform: Platform = await chooseContainerPlatform({ engine: "podman", python: undefined }, env);
  const checker: ImageChecker | undefined = platform.createImageChecker?.(undefined);
  if (checker === undefined) throw new Error("the platform checks no images");
  return {
    check: async (reference) => {
      const began = performance.now();
      const checked = await checker
        .check(reference, { isTrusted: true })
        .catch((error: unknown) => reportOnError(reference, error));
      const seconds = (performance.now() - began) / 1_000;
      if ("verdict" in checked) return { report: checked, strict: checked, seconds };
      const strict = reportOn(checked, { ...PYTHON_TASK, available: NO_ADAPTATIONS });
      return { report: reportOn(checked, PYTHON_TASK), strict, seconds };
    },
    close: async () => {
      checker.close();
      await platform.close();
    },
  };
}
