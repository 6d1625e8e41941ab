#!/usr/bin/env node
/** The `boxkite` command: finds the command, runs it, and turns what goes wrong into words and an exit code. */
import { enableCompileCache } from "node:module";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import { ownValue } from "../domain/own-value.ts";
import { compiledCodeDirectory } from "../lib/compiled-code.ts";
import { parseCommandLine, splitRest } from "./command-line.ts";
import { EXIT, helpOf } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { nearest } from "./nearest.ts";

const compiled = compiledCodeDirectory(process.env);
if (compiled !== undefined) enableCompileCache(compiled);

export async function main(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(await overview());
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  const load = ownValue(COMMANDS, name === "--version" ? "version" : name);
  if (load === undefined) {
    const near = nearest(name, Object.keys(COMMANDS));
    const meant = near === undefined ? "" : `; did you mean ${near}?`;
    process.stderr.write(`error: there is no command ${JSON.stringify(name)}${meant}\ntry: boxkite --help\n`);
    return EXIT.usage;
  }
  const command = await load();
  const { own } = splitRest(rest);
  if (own.includes("--help") || own.includes("-h")) {
    process.stdout.write(helpOf(command));
    return EXIT.ok;
  }
  const json = own.includes("--json");
  try {
    return await command.run(parseCommandLine(command, rest, env));
  } catch (error) {
    return report(error, json);
  }
}

async function overview(): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  const rows = commands.map((command) => `  ${command.name.padEnd(12)}${command.summary}`);
  return `boxkite: workflows whose every task runs in its owner's own container image\n\nusage: boxkite COMMAND [options]\n\n${rows.join("\n")}\n`;
}

const EXIT_CODES: Readonly<Record<string, number>> = {
  CONFIG_INVALID: EXIT.usage,
  ENGINE_UNREACHABLE: EXIT.engine,
  ENGINE_FAILED: EXIT.engine,
};

function report(error: unknown, json: boolean): number {
  if (!(error instanceof BoxkiteError)) {
    process.stderr.write(`error: ${messageOf(error)}\n`);
    if (error instanceof Error && error.stack) process.stderr.write(`${error.stack}\n`);
    return EXIT.bug;
  }
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ event: "error", code: error.code, message: error.message, hint: error.hint })}\n`,
    );
  } else {
    process.stderr.write(`error ${error.code}: ${error.message}\n`);
    if (error.hint) process.stderr.write(`try: ${error.hint}\n`);
  }
  return EXIT_CODES[error.code] ?? EXIT.failed;
}

process.exitCode = await main(process.argv.slice(2), process.env);
