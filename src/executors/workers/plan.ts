/** From an attempt to the workers that can take it: attempts whose plans have the same hash share workers. */
import { createHash } from "node:crypto";
import type { WarmStartSetting, WorkerMode } from "../../domain/warm-start.ts";
import type { AttemptSpec } from "../executor.ts";
import type { AdaptedAttempt, NoWorker } from "../start-adapter.ts";
import { splitEnvironment } from "./environment.ts";
import type { WorkerPlan } from "./worker.ts";

export interface PlannedAttempt {
  readonly plan: WorkerPlan;
  /** Of the order that starts it. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * How workers take such attempts; undefined: they start cold. `setting`: of the server, where neither the run nor the task says
 * otherwise; `off` holds whatever they say.
 */
export function modeOf(
  {
    reuse,
    warmStart,
    parent,
    args: [program] = [],
  }: Pick<AttemptSpec, "reuse" | "warmStart"> & Partial<AttemptSpec>,
  setting: WarmStartSetting,
): WorkerMode | undefined {
  const chosen = warmStart ?? setting;
  if (setting === "off" || chosen === "off") return undefined;
  if (reuse !== undefined) return "resident";
  // Node cannot fork. And a forking worker is of a run that is under way, which begins with its root.
  return program === "a0-ts" || parent === undefined ? "one_shot" : chosen;
}

/**
 * What comes to an attempt with its start is not part of its plan: arguments, own variables, archives, secret files, objects.
 * Workers of mode one_shot and fork are those of one run, but for its root: which run comes next is not known, so the worker of a
 * root is made for any of the project and domain. So are resident ones where the policy says so.
 */
export function planOf({ spec, worker }: AdaptedAttempt, mode: WorkerMode): PlannedAttempt | NoWorker {
  if ("cold" in worker) return worker;
  const split = splitEnvironment(spec);
  if (split === undefined) return { cold: "it is not known which variables are the attempt's own" };
  const refused = refusal(spec, mode);
  if (refused !== undefined) return { cold: refused };
  const { archives: _archives, secretFiles: _files, ownVariables: _own, ...others } = spec;
  const { warmStart: _warm, parent: _parent, objects: _objects, ...rest } = others;
  const { project, domain, run } = spec.key;
  const { reuse } = rest;
  const concurrency = mode === "resident" ? (reuse?.concurrency ?? 1) : 1;
  const words = [...worker.words(mode), ...(concurrency > 1 ? ["--concurrency", String(concurrency)] : [])];
  const isGlobal = mode === "resident" && reuse?.scope === "global";
  const isForAnyRun = isGlobal || (mode === "one_shot" && spec.parent === undefined);
  const container: AttemptSpec = {
    ...rest,
    key: { project, domain, run: isForAnyRun ? "" : run, action: "", attempt: 0 },
    env: split.shared,
    // Those of a run, or of all that have the same.
    labels: isGlobal ? {} : spec.labels,
    ...(worker.replacesEntrypoint
      ? { command: words.slice(0, 1), args: words.slice(1) }
      : { command: [], args: words }),
    readOnlyMounts: [...(spec.readOnlyMounts ?? []), ...worker.mounts],
  };
  const { image, ...shared } = container;
  const identity = [mode, image.pinned, shared];
  const program = { language: worker.language, args: words, mounts: worker.mounts };
  return {
    plan: {
      pool: createHash("sha256").update(canonical(identity)).digest("hex").slice(0, 32),
      mode,
      program,
      container,
      run: isForAnyRun ? undefined : run,
      concurrency,
    },
    args: worker.args,
    env: split.own,
  };
}

/** Why no worker takes it, for people. */
function refusal(spec: AttemptSpec, mode: WorkerMode): string | undefined {
  if (spec.network === "none") return "the task has no network";
  if (Object.keys(spec.secretVariables ?? {}).length > 0)
    return "the task has secrets in its variables, which a waiting worker must not have";
  if (Object.keys(spec.secretFiles ?? {}).length > 0 && mode !== "one_shot")
    return "the task has secrets in files, which later attempts of its worker could read";
  const gpus = spec.limits.gpu ?? spec.requests.gpu ?? 0;
  if (gpus > 0 && mode !== "resident") return "the task has a GPU, which no worker holds while it waits";
  return undefined;
}

/** The same text for the same content, in whatever order its fields were written. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
