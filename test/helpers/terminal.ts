/** A program on a terminal of its own, as a person has it: what is typed comes when the program asks for it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface TerminalRun {
  readonly code: number;
  /** All that the terminal showed. */
  readonly output: string;
}

/** Types each line as soon as the text before it was shown; after that, the program ends by itself. */
export async function runOnPty(
  command: readonly string[],
  dialogue: readonly (readonly [prompt: string, line: string])[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<TerminalRun> {
  const program = fileURLToPath(new URL("./on_pty.py", import.meta.url));
  const child = spawn("python3", [program, JSON.stringify({ command, dialogue })], {
    ...options,
    env: { ...process.env, TERM: "dumb", ...options.env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code: code ?? -1, output };
}
