/**
 * Finds out how an image can use a runtime: the metadata of its packages suggest it, and an action that is run that way
 * proves it. Where it fails, more of the runtime counts.
 */
import { randomBytes } from "node:crypto";
import { modeOf, mountsOf, PROGRAMS_PATH, RUNTIME_PATH, type RuntimeDirectories } from "./runtime-start.ts";
import type { ImageProgramEnd, RunInImage } from "./run-in-image.ts";
import type { RuntimeFit } from "../domain/runtime-fit.ts";
import { isMachineFailure } from "./machine-failures.ts";
import { brokenBy, parseCheck, parseProbe, type CheckResult } from "./fit-output.ts";

export interface FindFitOptions {
  readonly run: RunInImage;
  readonly directories: RuntimeDirectories;
  /** The names of the runtime's packages. */
  readonly packages: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

export interface FoundFit {
  readonly fit: RuntimeFit;
  /** Compiled modules for containers of this image, as a zip archive of which nothing is known. */
  readonly bytecode: Buffer | undefined;
}

/** Reading metadata takes 0.5 s with many packages, the action 2 s; machines may be slow and busy. */
const CHECK = { timeoutMs: 60_000, maxOutputBytes: 1024 * 1024 };
const PROBE = { timeoutMs: 120_000, maxOutputBytes: 32 * 1024 * 1024 };
const SHOWN_OUTPUT = 500;

const NOTHING_FOUND: CheckResult = { flyte: undefined, conflicts: [], reverse: [] };

/** Throws what `run` throws. */
export async function findFit(options: FindFitOptions): Promise<FoundFit> {
  const { run, directories, packages, signal } = options;
  const mounts = mountsOf(directories);
  const nonce = randomBytes(12).toString("hex");
  const start = (program: string, first: readonly string[], limits: typeof CHECK) =>
    run({
      arguments: [`${PROGRAMS_PATH}/${program}`, ...first, RUNTIME_PATH, nonce],
      mounts,
      signal,
      ...limits,
    });

  // Without an answer the action decides alone.
  const checked = parseCheck((await start("check.py", [], CHECK)).stdout, nonce) ?? NOTHING_FOUND;
  if (checked.flyte !== undefined)
    return { fit: { kind: "has_flyte", version: checked.flyte }, bytecode: undefined };

  const refuse = (because: string, isCertain: boolean): FoundFit => {
    const broken = brokenBy(new Set(packages), checked);
    const fit = { kind: "refuse", because, isCertain, conflicts: checked.conflicts, broken } as const;
    return { fit, bytecode: undefined };
  };
  const errors: string[] = [];
  for (const fit of candidates(checked, packages, errors)) {
    const end = await start("probe.py", [modeOf(fit) ?? ""], PROBE);
    const result = parseProbe(end.stdout, nonce);
    if (result !== undefined && result.error === undefined) return { fit, bytecode: result.bytecode };
    const error = result?.error ?? describeEnd(end);
    if (isMachineFailure(result === undefined ? end : { exitCode: 0 }, error)) return refuse(error, false);
    errors.push(error);
  }
  return refuse(errors.at(-1) ?? "", true);
}

/** From the least to the most that is replaced. `errors`: those of the ones before. */
function* candidates(
  checked: CheckResult,
  packages: readonly string[],
  errors: readonly string[],
): Generator<RuntimeFit> {
  const { conflicts } = checked;
  const known = conflicts.map((each) => each.package).filter((name) => packages.includes(name));
  if (known.length === 0) yield { kind: "append" };
  else yield { kind: "route", packages: known, conflicts, broken: brokenBy(new Set(known), checked) };
  const broken = brokenBy(new Set(packages), checked);
  yield { kind: "prepend", because: errors[0] ?? "", conflicts, broken };
}

function describeEnd({ exitCode, stdout, stderr }: ImageProgramEnd): string {
  const last = (stderr.trim() || stdout.trim()).slice(-SHOWN_OUTPUT);
  const how = exitCode === undefined ? "did not end in time" : `ended with code ${exitCode}`;
  return `the interpreter ${how}${last && `: ${last}`}`;
}
