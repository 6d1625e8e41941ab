/** Finds the programs that run a task on this machine: `a0` for Python, `a0-ts` for TypeScript. */
import { accessSync, closeSync, constants, openSync, readSync, statSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { BoxkiteError } from "../../domain/errors.ts";

const RUNTIMES = ["a0", "a0-ts"];
const INSTALL =
  "for Python, python3 -m venv .venv && .venv/bin/pip install flyte, then --python .venv/bin/python; for TypeScript, npm install boxkite in the project, then npx boxkite up";
/** Of a script's first line; the kernel reads no more of it. */
const FIRST_LINE_BYTES = 256;

/**
 * The absolute path of the directory that holds them: that of the interpreter `python`, or of the environment of
 * that name; without it the first on PATH. Throws CONFIG_INVALID where there is none, or where it cannot be executed.
 */
export function findRuntime(python: string | undefined, env: NodeJS.ProcessEnv): string {
  const directories =
    python === undefined
      ? (env["PATH"] ?? "").split(delimiter).filter((directory) => directory !== "")
      : [binaryDirectory(resolve(python))];
  // Tasks run in directories of their own, where a relative path would mean another file.
  const programs = directories.flatMap((directory) => RUNTIMES.map((name) => resolve(directory, name)));
  const program = programs.find((file) => statSync(file, { throwIfNoEntry: false })?.isFile());
  if (program === undefined) {
    const where = python === undefined ? "on PATH" : `beside ${resolve(python)}`;
    throw invalid(
      `the process executor needs a0 of the Python package flyte or a0-ts of the npm package boxkite, and there is neither ${where}`,
      INSTALL,
    );
  }
  checkExecutable(program);
  return dirname(program);
}

function binaryDirectory(python: string): string {
  const found = statSync(python, { throwIfNoEntry: false });
  if (found === undefined) throw invalid(`there is no Python interpreter ${python}`, INSTALL);
  if (found.isDirectory()) return join(python, "bin");
  if (!isExecutable(python)) throw invalid(`the Python interpreter ${python} cannot be executed`);
  return dirname(python);
}

/** An environment that was moved or copied has scripts whose first line names an interpreter that is gone. */
function checkExecutable(program: string): void {
  if (!isExecutable(program)) throw invalid(`${program} cannot be executed`, `chmod +x ${program}`);
  const interpreter = /^#! *(\/\S+)/u.exec(firstBytes(program))?.[1];
  if (interpreter === undefined || isExecutable(interpreter)) return;
  throw invalid(`${program} cannot be executed: its interpreter ${interpreter} cannot be`, INSTALL);
}

function firstBytes(file: string): string {
  const descriptor = openSync(file, "r");
  try {
    const buffer = Buffer.alloc(FIRST_LINE_BYTES);
    return buffer.toString("latin1", 0, readSync(descriptor, buffer));
  } finally {
    closeSync(descriptor);
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function invalid(message: string, hint?: string): BoxkiteError {
  return new BoxkiteError("CONFIG_INVALID", message, { hint });
}
