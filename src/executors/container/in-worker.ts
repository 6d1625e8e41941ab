/** Which kind of worker has an attempt, or may have it. */
import type { HeldInWorker } from "../workers/held-in-worker.ts";
import { modeOf } from "../workers/plan.ts";
import type { InWorker } from "../warm-attempt.ts";
import type { AttemptContext } from "./attempt-context.ts";
import type { HeldContainer } from "./held-container.ts";
import { OneShotAttempt } from "./one-shot.ts";
import { pooledAttempt } from "./pooled-in-container.ts";
import type { WarmStarts } from "./warm-starts.ts";

/** Undefined: none. What an earlier server has started in one goes on there, whatever the settings are now. */
export function attemptInWorker(
  attempt: AttemptContext,
  warm: WarmStarts,
): InWorker<HeldContainer | HeldInWorker> | undefined {
  const mode = warm.assignments.of(attempt.name)?.warm.mode ?? modeOf(attempt.spec, warm.setting);
  switch (mode) {
    case undefined:
      return undefined;
    case "one_shot":
      return new OneShotAttempt(attempt, warm);
    case "fork":
    case "resident":
      return pooledAttempt(attempt, warm, mode);
  }
}
