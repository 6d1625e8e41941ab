/** Parses the command line of a task container, which is that of Python's `a0`. */
import type { Environment } from "../client/config-file.ts";

export interface RuntimeArguments {
  /** URI of inputs.pb. */
  readonly inputs: string;
  /** URI prefix for outputs.pb, error.pb and report.html. */
  readonly outputsPath: string;
  readonly version: string;
  /** URI prefix for the folders of children. */
  readonly runBaseDir: string;
  readonly rawDataPath: string | undefined;
  readonly checkpointPath: string | undefined;
  /** Undefined in the first attempt. */
  readonly previousCheckpoint: string | undefined;
  readonly run: string;
  readonly action: string;
  readonly project: string;
  readonly domain: string;
  readonly org: string;
  readonly runStartTime: Date;
  /** As given; it is passed on to children. */
  readonly imageCache: string | undefined;
  readonly bundle: { readonly uri: string; readonly destination: string } | undefined;
  /** Relative to the working directory, or to the folder of the bundle. */
  readonly modulePath: string;
  readonly exportName: string;
  /** From 1. */
  readonly attempt: number;
}

/** The command line is not that of a task. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const SHORT: Readonly<Record<string, string>> = {
  "-c": "--checkpoint-path",
  "-i": "--inputs",
  "-o": "--outputs-path",
  "-p": "--prev-checkpoint",
  "-r": "--raw-data-path",
  "-v": "--version",
};

/** Includes flags of `a0` that have no meaning here; they are accepted and ignored. */
const KNOWN = new Set([
  ...Object.values(SHORT),
  "--debug",
  "--dest",
  "--domain",
  "--image-cache",
  "--interactive-mode",
  "--name",
  "--org",
  "--project",
  "--resolver",
  "--run-base-dir",
  "--run-name",
  "--run-start-time",
  "--tgz",
]);

/** Throws UsageError, naming what is missing or unknown. */
export function parseArguments(argv: readonly string[], env: Environment): RuntimeArguments {
  const { options, rest } = split(argv);
  const optional = (option: string, variable?: string): string | undefined => {
    const given = options.get(option);
    // A server that does not fill in the templates leaves the braces; then the environment has the value.
    const value = given === undefined || given.startsWith("{{") ? variable && env[variable] : given;
    return value === undefined || value === "" || value === '""' ? undefined : value;
  };
  const required = (option: string, variable?: string): string => {
    const value = optional(option, variable);
    if (value === undefined)
      throw new UsageError(`${option} is missing${variable === undefined ? "" : ` (or ${variable})`}`);
    return value;
  };
  const resolver = Object.fromEntries(pairs(rest));
  const tgz = optional("--tgz");
  if (options.get("--resolver") !== "ts") {
    throw new UsageError(
      `--resolver ${options.get("--resolver") ?? "(none)"}: this is the runtime of TypeScript tasks; Python tasks are run by a0`,
    );
  }
  const modulePath = resolver["mod"];
  const exportName = resolver["export"];
  if (modulePath === undefined || exportName === undefined) {
    throw new UsageError("after --resolver ts come: mod <module path> export <name>");
  }
  return {
    inputs: required("--inputs"),
    outputsPath: required("--outputs-path"),
    version: required("--version"),
    runBaseDir: required("--run-base-dir", "_U_RUN_BASE"),
    rawDataPath: optional("--raw-data-path"),
    checkpointPath: optional("--checkpoint-path"),
    previousCheckpoint: optional("--prev-checkpoint"),
    run: required("--run-name", "RUN_NAME"),
    action: required("--name", "ACTION_NAME"),
    project: required("--project", "FLYTE_INTERNAL_EXECUTION_PROJECT"),
    domain: required("--domain", "FLYTE_INTERNAL_EXECUTION_DOMAIN"),
    org: optional("--org", "_U_ORG_NAME") ?? "",
    runStartTime: parseStartTime(optional("--run-start-time")),
    imageCache: optional("--image-cache"),
    bundle: tgz === undefined ? undefined : { uri: tgz, destination: optional("--dest") ?? "." },
    modulePath,
    exportName,
    attempt: Number(env["FLYTE_ATTEMPT_NUMBER"] ?? 0) + 1,
  };
}

/** The epoch if there is none, so that it is the same in every attempt. */
function parseStartTime(text: string | undefined): Date {
  const date = new Date(text ?? 0);
  return Number.isNaN(date.getTime()) ? new Date(0) : date;
}

function split(argv: readonly string[]): { options: Map<string, string>; rest: string[] } {
  const options = new Map<string, string>();
  const rest: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? "";
    if (!word.startsWith("-")) {
      rest.push(word);
      continue;
    }
    const equals = word.startsWith("--") ? word.indexOf("=") : -1;
    const name = equals < 0 ? (SHORT[word] ?? word) : word.slice(0, equals);
    if (!KNOWN.has(name)) throw new UsageError(`unknown option ${word}`);
    const value = equals < 0 ? argv[++index] : word.slice(equals + 1);
    if (value === undefined) throw new UsageError(`${word} needs a value`);
    options.set(name, value);
  }
  return { options, rest };
}

function* pairs(words: readonly string[]): Iterable<[string, string]> {
  for (let index = 0; index + 1 < words.length; index += 2)
    yield [words[index] ?? "", words[index + 1] ?? ""];
}
