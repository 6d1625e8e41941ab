import { readFileSync } from "node:fs";
import { join } from "node:path";
import { EXIT, type Command } from "./command.ts";

/** From package.json, so that the version is written once. */
export function packageVersion(): string {
  const text = readFileSync(join(import.meta.dirname, "../../package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

export const version: Command = {
  name: "version",
  summary: "print the version",
  options: {},
  run: async () => {
    process.stdout.write(`boxkite ${packageVersion()}\n`);
    return EXIT.ok;
  },
};
