/** What the programs that try a runtime in an image print, read within bounds. */
import type { Violation } from "../domain/runtime-fit.ts";

/** What check.py found. */
export interface CheckResult {
  readonly flyte: string | undefined;
  readonly conflicts: readonly Violation[];
  /** Of all packages that the image and the runtime have. */
  readonly reverse: readonly Violation[];
}

/** Undefined where check.py printed no result, or something else. Nothing that an image prints is trusted. */
export function parseCheck(output: string, nonce: string): CheckResult | undefined {
  const value = resultOf(output, nonce);
  if (value === undefined) return undefined;
  const { flyte, conflicts, reverse } = value;
  return {
    flyte: typeof flyte === "string" ? short(flyte) : undefined,
    conflicts: violationsOf(conflicts),
    reverse: violationsOf(reverse),
  };
}

export interface ProbeResult {
  /** Undefined where the action of the probe succeeded. */
  readonly error: string | undefined;
  /** A zip archive with compiled modules. */
  readonly bytecode: Buffer | undefined;
}

/** Undefined where probe.py printed no result. */
export function parseProbe(output: string, nonce: string): ProbeResult | undefined {
  const value = resultOf(output, nonce);
  const error = value?.["error"];
  if (typeof error === "string") return { error: short(error), bytecode: undefined };
  if (error !== null) return undefined;
  return { error: undefined, bytecode: printed(output, nonce, "bytecode") };
}

/** What is replaced when these packages come from the runtime. */
export function brokenBy(packages: ReadonlySet<string>, { reverse }: CheckResult): readonly Violation[] {
  return reverse.filter((each) => packages.has(each.package) && !packages.has(each.by));
}

const LONGEST_LIST = 200;
const LONGEST_TEXT = 1_000;
/** Normalized, so that it can be one of several words in an argument. */
const PACKAGE = /^[a-z0-9][a-z0-9-]{0,99}$/u;

/** The last one: an image may print anything before. */
function printed(output: string, nonce: string, name: string): Buffer | undefined {
  const start = output.lastIndexOf(`${nonce}:${name}:`);
  if (start === -1) return undefined;
  const [line = ""] = output.slice(start + nonce.length + name.length + 2).split(/[\r\n]/u, 1);
  return Buffer.from(line, "base64");
}

function resultOf(output: string, nonce: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(printed(output, nonce, "result")?.toString() ?? "");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function violationsOf(value: unknown): Violation[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, LONGEST_LIST).flatMap((each: unknown) => {
    if (typeof each !== "object" || each === null) return [];
    const { package: name, version, wanted, by } = each as Readonly<Record<string, unknown>>;
    if (typeof name !== "string" || !PACKAGE.test(name)) return [];
    return [{ package: name, version: short(version), wanted: short(wanted), by: short(by) }];
  });
}

/** Without control characters: it is shown on terminals. */
function short(value: unknown): string {
  const text = typeof value === "string" ? value : "";
  return text
    .slice(0, LONGEST_TEXT)
    .replaceAll(/\p{Cc}+/gu, " ")
    .trim();
}
