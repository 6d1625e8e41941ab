/** The stock Python SDK in a virtual environment of its own, and programs run with it. */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { createVenv } from "../../scripts/python-env.ts";

export const FLYTE = "flyte==2.12.1";

/** Without it, one program in twenty that ends right after a call ends by SIGABRT on a busy machine. */
const CLIENT_EXIT = join(import.meta.dirname, "../../scripts/setup/client-exit");

/** Its interpreter: that of the set-up, else created on first use and kept in `.cache`. */
export function stockPython(): string {
  const ready = process.env["BOXKITE_TEST_PYTHON"];
  if (ready !== undefined) return ready;
  const directory = process.env["BOXKITE_TEST_VENV"] ?? join(import.meta.dirname, "../../.cache/venv-flyte");
  return createVenv(directory, [FLYTE]);
}

export interface ProgramResult {
  /** -1 where it was ended by a signal. */
  readonly code: number;
  /** SIGTERM where it took too long. */
  readonly signal?: NodeJS.Signals | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
}

/** Runs a program to its end. The client's state is kept in `cwd`, so that tests do not share it. */
export function runProgram(
  file: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<ProgramResult> {
  const env = {
    ...process.env,
    HOME: options.cwd,
    // pip and uv share their download caches; only the client's state is private.
    XDG_CACHE_HOME: process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"),
    NO_COLOR: "1",
    // On a dumb terminal the client ignores COLUMNS and wraps its tables at 80.
    TERM: "xterm",
    COLUMNS: "200",
    ...options.env,
    PYTHONPATH: [CLIENT_EXIT, options.env?.["PYTHONPATH"] ?? ""].filter(Boolean).join(delimiter),
  };
  return new Promise((resolve) => {
    execFile(
      file,
      [...args],
      { cwd: options.cwd, env, timeout: options.timeoutMs ?? 120_000, maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, signal: error?.signal, stdout, stderr });
      },
    );
  });
}

/** Writes a program's files below a directory. */
export async function writeProgram(
  directory: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}

/** The result of a program that succeeded; throws with its output where it failed. */
export function succeeded(result: ProgramResult): ProgramResult {
  if (result.code === 0) return result;
  throw new Error(
    `the program ended with ${result.signal ?? `code ${result.code}`}\n${result.stdout}\n${result.stderr}`,
  );
}
