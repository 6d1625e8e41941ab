/** The stock command line, and its output without the colours and links of a terminal. */
import { join } from "node:path";
import type { Subject } from "./process-subject.ts";
import { runProgram, stockPython } from "./stock-sdk.ts";

export interface Printed {
  readonly code: number;
  /** Both streams. */
  readonly text: string;
  /** The cells of each row of a table, without its header. */
  rows(): string[][];
  /** With `-of json-raw`. */
  json(): unknown;
}

export async function flyteCli(subject: Subject, ...args: string[]): Promise<Printed> {
  const command = ["-c", subject.server.config, ...args];
  const { code, stdout, stderr } = await runProgram(join(stockPython(), "../flyte"), command, {
    cwd: subject.directory,
    // Wide enough that no word is wrapped.
    env: { COLUMNS: args.includes("json-raw") ? "100000" : "1000" },
  });
  const out = plain(stdout);
  return {
    code,
    text: out + plain(stderr),
    rows: () =>
      out
        .split("\n")
        .filter((line) => line.startsWith("│"))
        .slice(1)
        .map(cells),
    json: () => JSON.parse(out),
  };
}

function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what it matches
  return text.replaceAll(/\u001b(?:\[[0-9;?]*[A-Za-z]|\][^\u001b]*\u001b\\)/gu, "");
}

function cells(line: string): string[] {
  return line
    .split("│")
    .slice(1, -1)
    .map((cell) => cell.trim());
}
