/** Settings of `boxkite up`: flag, else BOXKITE_* variable, else file, else default. */
import { readFile } from "node:fs/promises";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import { defaultParallelism } from "../executors/process/process-executor.ts";
import { DEFAULT_MAX_LOG_BYTES } from "../logs/attempt-logs.ts";
import type { CommandInput } from "./command.ts";

export type EngineName = "auto" | "podman" | "docker" | "process";

export interface UpSettings {
  readonly port: number;
  readonly host: string | undefined;
  readonly data: string | undefined;
  readonly ephemeral: boolean;
  readonly engine: EngineName;
  readonly python: string | undefined;
  readonly maxParallel: number;
  readonly maxLogBytes: number;
  readonly keepLogsDays: number;
  readonly json: boolean;
  readonly verbose: boolean;
}

const ENGINES: readonly EngineName[] = ["auto", "podman", "docker", "process"];
const NAMES = [
  "port",
  "host",
  "data",
  "ephemeral",
  "engine",
  "python",
  "max-parallel",
  "max-log-mib",
  "keep-logs-days",
] as const;
const MIB = 1024 * 1024;
const DEFAULT_KEEP_LOGS_DAYS = 30;
type Name = (typeof NAMES)[number];

/** Throws CONFIG_INVALID naming the setting and where it came from. */
export async function readUpSettings({ values, env }: CommandInput): Promise<UpSettings> {
  const file = await readFileSettings((values["config"] as string | undefined) ?? env["BOXKITE_CONFIG"]);
  const lookUp = (name: Name): { value: string; origin: string } | undefined => {
    const flag = values[name];
    if (flag !== undefined) return { value: String(flag), origin: `--${name}` };
    const variable = `BOXKITE_${name.toUpperCase().replaceAll("-", "_")}`;
    if (env[variable] !== undefined) return { value: env[variable], origin: variable };
    const fromFile = file[name];
    if (fromFile === undefined) return undefined;
    return {
      value: typeof fromFile === "string" ? fromFile : JSON.stringify(fromFile),
      origin: `${name} in the file`,
    };
  };
  const text = (name: Name) => lookUp(name)?.value;
  const whole = (name: Name, fallback: number, min: number, max: number) => {
    const found = lookUp(name);
    if (found === undefined) return fallback;
    const number = Number(found.value);
    if (Number.isInteger(number) && number >= min && number <= max) return number;
    throw invalid(found, `a whole number from ${min} to ${max}`);
  };
  const engine = lookUp("engine") ?? { value: "auto", origin: "" };
  if (!(ENGINES as readonly string[]).includes(engine.value))
    throw invalid(engine, `one of ${ENGINES.join(", ")}`);
  const ephemeral = text("ephemeral") === "true";
  if (ephemeral && values["data"] !== undefined) {
    throw new BoxkiteError("CONFIG_INVALID", "--ephemeral and --data exclude each other");
  }
  return {
    port: whole("port", 30080, 0, 65_535),
    host: text("host"),
    data: text("data"),
    ephemeral,
    engine: engine.value as EngineName,
    python: text("python"),
    maxParallel: whole("max-parallel", defaultParallelism(), 1, 10_000),
    maxLogBytes: whole("max-log-mib", DEFAULT_MAX_LOG_BYTES / MIB, 1, 1_048_576) * MIB,
    keepLogsDays: whole("keep-logs-days", DEFAULT_KEEP_LOGS_DAYS, 0, 36_500),
    json: values["json"] === true,
    verbose: values["verbose"] === true,
  };
}

async function readFileSettings(path: string | undefined): Promise<Partial<Record<Name, unknown>>> {
  if (path === undefined) return {};
  // Loaded only where there is a file: it is a fifteenth of the time to start.
  const { parse } = await import("yaml");
  let parsed: unknown;
  try {
    parsed = parse(await readFile(path, "utf8")) ?? {};
  } catch (error) {
    throw new BoxkiteError(
      "CONFIG_INVALID",
      `cannot read the configuration file ${path}: ${messageOf(error)}`,
      { cause: error },
    );
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new BoxkiteError("CONFIG_INVALID", `the configuration file ${path} is not a mapping of settings`);
  }
  const unknown = Object.keys(parsed).filter((name) => !(NAMES as readonly string[]).includes(name));
  if (unknown.length > 0) {
    throw new BoxkiteError(
      "CONFIG_INVALID",
      `the configuration file ${path} has unknown settings: ${unknown.join(", ")}`,
      {
        hint: `known are: ${NAMES.join(", ")}`,
      },
    );
  }
  return parsed;
}

function invalid(found: { value: string; origin: string }, wanted: string): BoxkiteError {
  return new BoxkiteError(
    "CONFIG_INVALID",
    `${found.origin} is ${JSON.stringify(found.value)}; it must be ${wanted}`,
  );
}
