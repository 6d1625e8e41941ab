/** Reads the command line of a command by its declared options, and says in plain words what is wrong with it. */
import { parseArgs, type ParseArgsOptionDescriptor } from "node:util";
import { BoxkiteError } from "../domain/errors.ts";
import { ownValue } from "../domain/own-value.ts";
import type { Command, CommandInput } from "./command.ts";
import { nearest } from "./nearest.ts";

/** Throws CONFIG_INVALID for an unknown option, a value that is missing or too many, or a further argument. */
export function parseCommandLine(
  command: Command,
  all: readonly string[],
  env: NodeJS.ProcessEnv,
): CommandInput {
  const { own, rest } = command.rest === undefined ? { own: all, rest: [] } : splitRest(all);
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, { type, short, multiple }]) => {
      const option: ParseArgsOptionDescriptor = {
        type,
        ...(short !== undefined && { short }),
        ...(multiple && { multiple }),
      };
      return [name, option];
    }),
  );
  // Not strict: the parser's own errors speak of its rules, and refuse a negative number.
  const parsed = parseArgs({ args: [...own], options, allowPositionals: true, strict: false, tokens: true });
  for (const token of parsed.tokens) if (token.kind === "option") checkOption(command, token);
  const surplus = parsed.positionals[command.positionals?.length ?? 0];
  if (surplus !== undefined) throw wrong(command, `has no argument ${JSON.stringify(surplus)}`);
  const { values, positionals } = parsed;
  return { values: values as CommandInput["values"], positionals, rest, env };
}

/** What is before the first `--`, and what follows it. */
export function splitRest(args: readonly string[]): {
  readonly own: readonly string[];
  readonly rest: readonly string[];
} {
  const end = args.indexOf("--");
  return end === -1 ? { own: args, rest: [] } : { own: args.slice(0, end), rest: args.slice(end + 1) };
}

interface OptionToken {
  readonly name: string;
  /** With its dashes. */
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function checkOption(command: Command, { name, rawName, value, inlineValue }: OptionToken): void {
  const spec = ownValue(command.options, name);
  if (spec === undefined) throw wrong(command, unknownOption(command, name, rawName));
  if (spec.type === "boolean") {
    if (value !== undefined) throw wrong(command, `takes no value for ${rawName}`);
    return;
  }
  if (value === undefined)
    throw wrong(command, `needs a value for ${rawName}: ${rawName} ${spec.value ?? ""}`);
  const isOption = inlineValue === false && /^-[^\d]/u.test(value);
  if (isOption)
    throw wrong(
      command,
      `needs a value for ${rawName}, and ${value} is an option; or write ${rawName}=${value}`,
    );
}

function unknownOption(command: Command, name: string, rawName: string): string {
  const known = [...Object.keys(command.options), "help"];
  const near = rawName.startsWith("--") ? nearest(name, known) : undefined;
  const meant = near === undefined ? "" : `; did you mean --${near}?`;
  return `has no option ${rawName}${meant || ";"} its options are ${known.map((each) => `--${each}`).join(", ")}`;
}

function wrong(command: Command, what: string): BoxkiteError {
  return new BoxkiteError("CONFIG_INVALID", `boxkite ${command.name} ${what}`, {
    hint: `boxkite ${command.name} --help`,
  });
}
