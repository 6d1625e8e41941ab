/** A command as data: its options are declared once and serve parsing, checking and the help text. */

export interface OptionSpec {
  readonly type: "string" | "boolean";
  /** Shown in the help instead of a value, e.g. "DIR". */
  readonly value?: string;
  readonly help: string;
  readonly short?: string;
  /** It may be given several times: its value is a list. */
  readonly multiple?: true;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Names of the positional arguments, for the help. */
  readonly positionals?: readonly string[];
  /** What may follow `--`, for the help; absent: nothing may. */
  readonly rest?: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Resolves with the exit code. */
  readonly run: (input: CommandInput) => Promise<number>;
}

export interface CommandInput {
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly positionals: readonly string[];
  /** What follows `--`, of a command that takes it. */
  readonly rest?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** Exit codes, as in docs/cli.md. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  unchecked: 3,
  engine: 4,
  bug: 70,
  interrupted: 130,
} as const;

export function helpOf(command: Command): string {
  const rows = Object.entries(command.options).map(([name, spec]) => {
    const flag = `--${name}${spec.value ? ` ${spec.value}` : ""}`;
    return `  ${flag.padEnd(26)}${spec.help}`;
  });
  const usage = [
    "boxkite",
    command.name,
    ...(command.positionals ?? []),
    rows.length > 0 ? "[options]" : "",
    command.rest,
  ];
  return `${command.summary}\n\nusage: ${usage.filter(Boolean).join(" ")}\n\n${rows.join("\n")}\n`;
}
