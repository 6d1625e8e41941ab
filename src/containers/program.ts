/** An engine's command line, `podman` or `docker`, for what its API does not support in every version. */
import { BoxkiteError } from "../domain/errors.ts";
import { findFailure } from "../lib/failure-table.ts";
import { type CommandResult, runCommand } from "./command.ts";
import { COMMAND_FAILURES } from "./failures/command.ts";
import type { EngineName } from "./types.ts";

export interface EngineProgram {
  readonly name: EngineName;
  /** The name or path of the executable. */
  readonly program: string;
  /** Arguments before every command, such as `--root`. */
  readonly globalArgs: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

export interface EngineProgramOptions {
  readonly program?: string;
  readonly globalArgs?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

export interface EngineRunOptions {
  readonly onLog?: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export function engineProgram(name: EngineName, options: EngineProgramOptions = {}): EngineProgram {
  const { program = name, globalArgs = [], env = process.env } = options;
  return { name, program, globalArgs, env };
}

/** Returns the result whatever the exit code. Throws ENGINE_UNREACHABLE if the program cannot be started. */
export async function runEngine(
  engine: EngineProgram,
  args: readonly string[],
  { onLog, signal }: EngineRunOptions = {},
): Promise<CommandResult> {
  return await runCommand(engine.program, [...engine.globalArgs, ...args], {
    env: engine.env,
    signal,
    onLine: onLog,
  });
}

/** Runs a command that must succeed, and returns its output. Throws ENGINE_FAILED. */
export async function mustRunEngine(
  engine: EngineProgram,
  args: readonly string[],
  options: EngineRunOptions = {},
): Promise<string> {
  const result = await runEngine(engine, args, options);
  if (result.exitCode === 0) return result.stdout;
  throw commandFailure(engine, args, result);
}

/** The output; undefined if the engine does not have the image. Throws ENGINE_UNREACHABLE and ENGINE_FAILED. */
export async function runOnImage(
  engine: EngineProgram,
  args: readonly string[],
): Promise<string | undefined> {
  const result = await runEngine(engine, args);
  if (result.exitCode === 0) return result.stdout;
  if (meaning(engine, result)?.code === "IMAGE_NOT_FOUND") return undefined;
  throw commandFailure(engine, args, result);
}

function commandFailure(engine: EngineProgram, args: readonly string[], result: CommandResult): BoxkiteError {
  const row = meaning(engine, result);
  const unreachable = row?.code === "ENGINE_UNREACHABLE";
  return new BoxkiteError(
    unreachable ? "ENGINE_UNREACHABLE" : "ENGINE_FAILED",
    `${engine.program} ${commandOf(args)} failed: ${lastLines(result.stderr, 3)}`,
    { hint: unreachable ? row.hint?.(engine) : undefined },
  );
}

function meaning(engine: EngineProgram, { stderr }: CommandResult) {
  return findFailure(COMMAND_FAILURES, { text: stderr }, engine);
}

/** The command without its arguments: "image inspect". */
function commandOf(args: readonly string[]): string {
  return args[0] === "image" ? args.slice(0, 2).join(" ") : (args[0] ?? "");
}

export function lastLines(text: string, count: number): string {
  return text.trim().split("\n").slice(-count).join("\n");
}
