/** Repeating runs: `flyte.rerun(run, { recover: true })`. */
import { refuseWhileImporting } from "./config.ts";
import type { Run } from "./run-handle.ts";
import type { RunSettings } from "./run.ts";

/** Settings that are left out are those of the repeated run. */
export interface RerunOptions extends RunSettings {
  /** Inputs that differ; the others are those of the repeated run. */
  readonly inputs?: Readonly<Record<string, unknown>>;
  /** Take over the actions that succeeded, and run only the rest. @default false */
  readonly recover?: boolean;
  /** With `recover`: actions, by name, that run again although they succeeded. */
  readonly forceRerunActions?: readonly string[];
  /** Repeat one action of the run, as a run of its own. Not with `recover`. @default the first one, the whole run */
  readonly action?: string;
}

/** The same code with the same inputs, as a new run; its task is taken from the server, not from here. */
export function rerun<Out>(
  run: Run<Out>,
  options?: RerunOptions & { readonly action?: never },
): Promise<Run<Out>>;
/** A run by its name, or one action of a run: what it returns is known to the server only. */
export function rerun(run: Run<unknown> | string, options?: RerunOptions): Promise<Run<unknown>>;
export async function rerun(run: Run<unknown> | string, options: RerunOptions = {}): Promise<Run<unknown>> {
  refuseWhileImporting("rerun");
  if (options.recover !== true && options.forceRerunActions !== undefined)
    throw new TypeError("forceRerunActions is about a recovery: pass recover: true, or leave it out");
  if (options.recover === true && options.action !== undefined) {
    throw new TypeError(
      "recover takes over actions by their names, which a run of one action does not have; leave out recover or action",
    );
  }
  const { startRerun } = await import("../start/remote-rerun.ts");
  return startRerun(run, options);
}
