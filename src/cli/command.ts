/** A command as data: its options are declared once and serve parsing, checking and the help text. */
import { parseArgs, type ParseArgsOptionDescriptor } from "node:util";
import { BoxkiteError, messageOf } from "../domain/errors.ts";

export interface OptionSpec {
  readonly type: "string" | "boolean";
  /** Shown in the help instead of a value, e.g. "DIR". */
  readonly value?: string;
  readonly help: string;
  readonly short?: string;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Names of the positional arguments, for the help. */
  readonly positionals?: readonly string[];
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Resolves with the exit code. */
  readonly run: (input: CommandInput) => Promise<number>;
}

export interface CommandInput {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** Exit codes, as in docs/cli.md. */
export const EXIT = { ok: 0, failed: 1, usage: 2, engine: 4, bug: 70 } as const;

/** Throws CONFIG_INVALID for an unknown option or a value of the wrong kind. */
export function parseCommandLine(
  command: Command,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): CommandInput {
  const options: Record<string, ParseArgsOptionDescriptor> = {};
  for (const [name, spec] of Object.entries(command.options)) {
    options[name] = { type: spec.type, ...(spec.short === undefined ? {} : { short: spec.short }) };
  }
  const allowed = command.positionals?.length ?? 0;
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options,
      allowPositionals: true,
      strict: true,
    });
    if (positionals.length > allowed)
      throw new Error(`unexpected argument ${JSON.stringify(positionals[allowed])}`);
    return { values: values as CommandInput["values"], positionals, env };
  } catch (error) {
    throw new BoxkiteError("CONFIG_INVALID", messageOf(error), {
      hint: `boxkite ${command.name} --help`,
      cause: error,
    });
  }
}

export function helpOf(command: Command): string {
  const rows = Object.entries(command.options).map(([name, spec]) => {
    const flag = `--${name}${spec.value ? ` ${spec.value}` : ""}`;
    return `  ${flag.padEnd(26)}${spec.help}`;
  });
  const usage = ["boxkite", command.name, ...(command.positionals ?? []), rows.length > 0 ? "[options]" : ""];
  return `${command.summary}\n\nusage: ${usage.filter(Boolean).join(" ")}\n\n${rows.join("\n")}\n`;
}
