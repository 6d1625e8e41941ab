/** How each attempt is started so that its image runs unchanged: from the facts of the image, and what is in the runtime store. */
import type { Adaptation } from "../../domain/adaptation.ts";
import type { AttemptStart } from "../../domain/attempt-start.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { defaultLaunchLimits } from "../../domain/launch-limits.ts";
import type { ImageFacts, PythonFacts } from "../../domain/image-facts.ts";
import type { RuntimeFit } from "../../domain/runtime-fit.ts";
import {
  NO_ADAPTATIONS,
  runtimeVariantOf,
  type AvailableAdaptations,
} from "../../images/check/adaptations.ts";
import { judgeFindings, refusalBy } from "../../images/check/certain-refusal.ts";
import { subjectOf, type Language } from "../../images/check/subject.ts";
import { changesSearch, programOf } from "../../images/check/task-program.ts";
import type { RunInImage } from "../../python-runtime/run-in-image.ts";
import type { FittedRuntime, RuntimeFitter } from "../../python-runtime/runtime-fitter.ts";
import type { AttemptSpec } from "../executor.ts";
import type { ImageChecker } from "../image-checker.ts";
import type { AdaptedAttempt, PlacedCode, StartAdapter } from "../start-adapter.ts";
import {
  flyteBeforeStartTime,
  pythonProgram,
  START_TIME,
  startedBy,
  withoutStartTime,
  type ProgramStart,
} from "./program-start.ts";
import { workerStartOf } from "./worker-start.ts";

export interface StartAdapterOptions {
  /** The executor's name, with its version. */
  readonly engine: string;
  readonly checker: Pick<ImageChecker, "findKnown" | "readPresent">;
  readonly fitter: Pick<RuntimeFitter, "fit">;
  /** Runs programs with an interpreter of an image that is where attempts run. */
  readonly runnerFor: (pinned: string, interpreter: string) => RunInImage;
  /** Brings the code of a task into its container; undefined where the task fetches it. `spec`: as it will be started. */
  readonly placeCode: (spec: AttemptSpec, facts: ImageFacts) => Promise<PlacedCode | undefined>;
  /** Makes the directory of programs that are mounted; absent or undefined where none can be. */
  readonly placePrograms?: (() => Promise<string | undefined>) | undefined;
  /** What can be done here for an image that is no black box. */
  readonly available: AvailableAdaptations;
  /** Whether every image is a black box. */
  readonly isStrict: boolean;
}

export function createStartAdapter(options: StartAdapterOptions): StartAdapter {
  const unchanged = (spec: AttemptSpec, cold: string): AdaptedAttempt => ({
    spec,
    start: { engine: options.engine, adaptations: [] },
    worker: { cold },
  });
  return {
    adapt: async (spec, { signal, onProgress = () => {} }) => {
      const language = programOf(spec);
      // A task that says itself what replaces the ENTRYPOINT is started so.
      if (language === "other" || spec.command.length > 0)
        return unchanged(spec, "the task says itself which program runs");
      const isStrict = options.isStrict || spec.isStrict === true;
      const { isTrusted = false } = spec;
      const facts = isStrict
        ? await options.checker.findKnown(spec.image)
        : await options.checker.readPresent(spec.image, { isTrusted, signal, onProgress });
      // A black box is started as it is, known or not.
      if (facts === undefined) return isStrict ? unchanged(spec, STRICT) : undefined;
      return await adapted({ options, spec, language, facts, isStrict, signal, onProgress });
    },
  };
}

const STRICT = "the image is started as a black box";

interface Adapting {
  readonly options: StartAdapterOptions;
  readonly spec: AttemptSpec;
  readonly language: Language;
  readonly facts: ImageFacts;
  readonly isStrict: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (message: string) => void;
}

async function adapted(adapting: Adapting): Promise<AdaptedAttempt> {
  const { options, spec, language, facts, isStrict } = adapting;
  const { reference } = spec.image;
  const available = isStrict ? NO_ADAPTATIONS : options.available;
  const { refusing } = judgeFindings(reference, facts, {
    program: language,
    changesSearch: changesSearch(spec.env),
    available,
  });
  if (refusing !== undefined) throw refusalBy(reference, refusing);
  const subject = subjectOf(reference, facts, { language });
  const program: ProgramStart =
    language === "python" && !isStrict && spec.env["PATH"] === undefined
      ? pythonProgram(subject, available.has("runtime"))
      : { kind: "on_path" };
  const runtime = program.kind === "runtime" ? await fitted(adapting, program.python) : undefined;
  const oldFlyte =
    language === "python" && !isStrict && spec.args.includes(START_TIME)
      ? flyteBeforeStartTime(subject, program)
      : undefined;
  const args = oldFlyte === undefined ? spec.args : withoutStartTime(spec.args);
  const words = wordsOf(args, program, runtime);
  const replaces = !isStrict && facts.container.entrypoint === "swallows";
  const adaptations: Adaptation[] = [
    ...(program.kind === "interpreter" ? [{ kind: "interpreter", path: program.python.path } as const] : []),
    ...(runtime === undefined ? [] : [runtimeAdaptation(runtime)]),
    ...(oldFlyte === undefined ? [] : [{ kind: "start_time", flyte: oldFlyte } as const]),
    ...(replaces ? [{ kind: "entrypoint", replaced: facts.config.entrypoint } as const] : []),
  ];
  const mounts = runtime?.start?.mounts ?? [];
  const defaults =
    language === "python" && !isStrict
      ? defaultLaunchLimits({ ...facts.config.env, ...spec.env }, spec.limits.memoryBytes)
      : {};
  const programmed: AttemptSpec = {
    ...spec,
    env: { ...defaults, ...spec.env },
    ...(replaces ? { command: words.slice(0, 1), args: words.slice(1) } : { args: words }),
    ...(mounts.length > 0 && { readOnlyMounts: [...(spec.readOnlyMounts ?? []), ...mounts] }),
  };
  const code = isStrict ? undefined : await options.placeCode(programmed, facts);
  const start: AttemptStart = {
    engine: options.engine,
    adaptations: code === undefined ? adaptations : [...adaptations, code.adaptation],
    ...startedBy(subject, language, program, runtime?.flyte),
    ...(facts.base !== undefined && { base: facts.base }),
    ...(Object.keys(defaults).length > 0 && { defaults }),
  };
  const worker = isStrict
    ? { cold: STRICT }
    : workerStartOf({
        spec: programmed,
        subject,
        language,
        program,
        runtime,
        replacesEntrypoint: replaces,
        args: args.slice(1),
        programs: await options.placePrograms?.(),
      });
  return { spec: code === undefined ? programmed : withCode(programmed, code), start, worker };
}

function withCode(spec: AttemptSpec, { options }: PlacedCode): AttemptSpec {
  const { archives = [], readOnlyMounts = [] } = options;
  return {
    ...spec,
    archives: [...(spec.archives ?? []), ...archives],
    readOnlyMounts: [...(spec.readOnlyMounts ?? []), ...readOnlyMounts],
  };
}

function wordsOf(
  args: readonly string[],
  program: ProgramStart,
  runtime: FittedRuntime | undefined,
): readonly string[] {
  const [, ...rest] = args;
  if (program.kind === "interpreter") return [...program.words, ...rest];
  if (runtime?.start === undefined) return args;
  return [runtime.start.interpreter, ...runtime.start.arguments, ...rest];
}

/** Throws IMAGE_CANNOT_RUN where the image's packages and flyte do not go together, RUNTIME_FETCH_FAILED, and ENGINE_*. */
async function fitted(
  { options, spec, signal, onProgress }: Adapting,
  python: PythonFacts,
): Promise<FittedRuntime> {
  const { image } = spec;
  const { path, version = "" } = python;
  const variant = runtimeVariantOf(python);
  if (variant === undefined) throw new Error(`there is no runtime for ${path} in ${image.reference}`);
  const found = await options.fitter.fit(
    {
      digest: image.digest,
      interpreter: { path, version, libc: variant.libc, arch: variant.arch },
      run: options.runnerFor(image.pinned, path),
    },
    { signal, onProgress },
  );
  if (found === undefined) throw new Error(`there is no runtime for ${path} in ${image.reference}`);
  if (found.fit.kind === "refuse") throw refusedFit(image.reference, path, found.fit);
  return found;
}

function refusedFit(
  reference: string,
  path: string,
  { because, isCertain, conflicts }: RuntimeFit & { readonly kind: "refuse" },
): BoxkiteError {
  const packages = conflicts.map(({ package: name, version, wanted }) => `${name} ${version} (${wanted})`);
  const between = packages.length === 0 ? "" : `; in conflict: ${packages.join(", ")}`;
  const message = `flyte does not work beside the packages of ${path} in ${reference}: ${because}${between}`;
  return isCertain
    ? new BoxkiteError("IMAGE_CANNOT_RUN", message, {
        hint: "install flyte in the image, with versions of these packages that it works with",
      })
    : new BoxkiteError("ENGINE_FAILED", message, {
        hint: "the machine had no time, memory, disk or threads left for the check, or the runtime cannot be read",
      });
}

function runtimeAdaptation({ fit, runtime, flyte }: FittedRuntime): Adaptation {
  const replaced = fit.kind === "route" ? fit.packages : [];
  const violations = fit.kind === "route" || fit.kind === "prepend" ? fit.broken : [];
  const broken = violations.map(
    ({ package: name, version, wanted, by }) => `${by} wants ${wanted}, gets ${name} ${version}`,
  );
  const use = fit.kind === "route" || fit.kind === "prepend" ? fit.kind : "append";
  return { kind: "runtime", runtime, flyte, use, replaced, broken };
}
