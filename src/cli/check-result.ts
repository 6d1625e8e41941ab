/** One finding of `boxkite doctor`. */
import type { ContainerConnections } from "../domain/auth-mode.ts";
import type { Advice } from "../platform/platform.ts";

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  readonly text: string;
  readonly hint?: string | undefined;
  /** Of an engine: how connections of its containers arrive. */
  readonly containerConnections?: ContainerConnections | undefined;
  /** What will not work although the rest does. */
  readonly advice?: readonly Advice[];
}
