/** The images of a program's environments, as the program itself names them. Nothing is started, built or sent. */
import { spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { delimiter, extname, join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { Readable } from "node:stream";
import { BoxkiteError, messageOf } from "../../../domain/errors.ts";
import { shorten } from "../../../domain/text.ts";
import type { EnvironmentImage } from "./environment-image.ts";
import { PYTHON_PROGRAM } from "./python-program.ts";

const PYTHON = /\.py$/u;
const TYPESCRIPT = /\.[cm]?[jt]s$/u;
const LIMIT_MS = 60_000;
const OUTPUT_CHARS = 1_500;

/** Whether an argument is the file of a program and not the name of an image. */
export function isProgram(name: string): boolean {
  return (
    (PYTHON.test(name) || TYPESCRIPT.test(name)) &&
    statSync(name, { throwIfNoEntry: false })?.isFile() === true
  );
}

/** Whether it can only mean a file, and there is none: images have a registry, a folder or a tag. */
export function isMissingProgram(name: string): boolean {
  if (!PYTHON.test(name) && !TYPESCRIPT.test(name)) return false;
  return (/^\.{0,2}\//u.test(name) || !name.includes("/")) && !existsSync(name);
}

/**
 * Executes the program up to where it would start a run or a deployment, in its author's own interpreter. Throws
 * CONFIG_INVALID with the program's own error, or where there is no interpreter.
 */
export async function imagesOfProgram(
  file: string,
  { env, python }: { readonly env: NodeJS.ProcessEnv; readonly python: string | undefined },
): Promise<readonly EnvironmentImage[]> {
  const path = resolve(file);
  if (PYTHON.test(file))
    return await collect(file, findPython(python, env), ["-c", PYTHON_PROGRAM, path], env);
  const extension = extname(import.meta.filename);
  const collector = join(import.meta.dirname, `typescript-program${extension}`);
  return await collect(file, process.execPath, ["--import", collector, path], env);
}

/** Of the option, of the active environment, beside the `flyte` on PATH, or on PATH. */
export function findPython(option: string | undefined, env: NodeJS.ProcessEnv): string {
  if (option !== undefined) {
    const inside = join(option, "bin", "python");
    return statSync(option, { throwIfNoEntry: false })?.isDirectory() === true ? inside : option;
  }
  if (env["VIRTUAL_ENV"]) return join(env["VIRTUAL_ENV"], "bin", "python");
  const folders = (env["PATH"] ?? "").split(delimiter).filter(Boolean);
  const flyte = folders.find(
    (folder) => existsSync(join(folder, "flyte")) && existsSync(join(folder, "python")),
  );
  return flyte === undefined ? "python3" : join(flyte, "python");
}

async function collect(
  file: string,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<readonly EnvironmentImage[]> {
  const child = spawn(program, args, {
    env,
    // The result has a pipe of its own: a program may write what it likes.
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    signal: AbortSignal.timeout(LIMIT_MS),
    killSignal: "SIGKILL",
  });
  const exited = new Promise<number | null>((settle, reject) => {
    child.once("error", reject);
    child.once("close", settle);
  });
  const [, stdout, stderr, result] = child.stdio as unknown as readonly [null, Readable, Readable, Readable];
  try {
    const [code, , errors, answer] = await Promise.all([exited, text(stdout), text(stderr), text(result)]);
    const images = decode(answer);
    if (images !== undefined) return images;
    throw unreadable(file, program, errors.trim() === "" ? `it ended with code ${code}` : errors);
  } catch (error) {
    if (error instanceof BoxkiteError) throw error;
    const isLate = error instanceof Error && error.name === "AbortError";
    throw unreadable(
      file,
      program,
      isLate ? `it started no run within ${LIMIT_MS / 1_000} s` : messageOf(error),
    );
  }
}

function decode(answer: string): readonly EnvironmentImage[] | undefined {
  if (answer.trim() === "") return undefined;
  const images = JSON.parse(answer) as EnvironmentImage[];
  // Environments in the order of their names: that of their definition depends on imports.
  return images.toSorted((a, b) => (a.environment < b.environment ? -1 : 1));
}

function unreadable(file: string, program: string, why: string): BoxkiteError {
  const isMissing = /No module named '(flyte|boxkite)'|Cannot find package 'boxkite'|ENOENT/u.test(why);
  return new BoxkiteError(
    "CONFIG_INVALID",
    `${file} could not be executed by ${program}: ${shorten(why.trim(), OUTPUT_CHARS)}`,
    {
      hint: isMissing
        ? "name the interpreter whose environment has flyte: --python .venv/bin/python; for TypeScript, npm install in the program's folder"
        : "it is executed as for a run, up to the start of the first run or deployment: does it need arguments or variables?",
    },
  );
}
