/** Attempts that workers of Python can take, as they are adapted to their image. */
import type { AttemptSpec } from "../../src/executors/executor.ts";
import type { AdaptedAttempt } from "../../src/executors/start-adapter.ts";
import { FAKE_SPEC } from "./fake-workers.ts";

export function adaptedAttempt(more: Partial<AttemptSpec> = {}): AdaptedAttempt {
  return {
    spec: { ...FAKE_SPEC, ownVariables: [], ...more },
    start: { engine: "e", adaptations: [] },
    worker: { language: "python", words: () => ["python"], replacesEntrypoint: false, mounts: [], args: [] },
  };
}
