import type { WarmStartSetting } from "../../domain/warm-start.ts";

/** What an executor may keep warm. */
export interface WarmStartPolicy {
  /** For attempts that do not say how they may start. `off`: nothing is kept, whatever a task says. */
  readonly setting: WarmStartSetting;
  /** That workers without an attempt may have in use, together. */
  readonly memoryBytes: number;
  /** Workers without an attempt at the same time. */
  readonly workers: number;
}
