/**
 * Runs a program of a container engine.
 *
 * `runCommand` is for short commands, `runLogged` for builds: their output goes to a file instead of a pipe, so
 * that a build survives the server's death. A broken pipe would kill it in the middle of a step, and leave its
 * working containers behind. The next server stops it cleanly and continues from the layers that it finished.
 */
import { spawn } from "node:child_process";
import { open } from "node:fs/promises";
import { constants } from "node:os";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { stopBuilder, stopGroup } from "../lib/process-group.ts";
import { within } from "../lib/wait.ts";

export interface CommandResult {
  /** 128 + n for signal n, as in a shell. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  readonly onLine?: ((line: string) => void) | undefined;
  readonly clock?: Clock;
}

/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 10_000;
const OUTPUT_LIMIT = 16 * 1024 * 1024;
const LINE_LIMIT = 16 * 1024;
/** The interval at which the file is polled for new output. */
const POLL_MS = 40;

export async function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const { signal, onLine = () => {}, clock = systemClock } = options;
  signal?.throwIfAborted();
  const child = spawn(program, args, { env: options.env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const output = { stdout: "", stderr: "" };
  const lines = { stdout: new LineSplitter(onLine), stderr: new LineSplitter(onLine) };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8");
    child[name].on("data", (text: string) => {
      if (output[name].length < OUTPUT_LIMIT) output[name] += text;
      lines[name].push(text);
    });
  }
  let isOver = false;
  let stopping: Promise<unknown> | undefined;
  const stop = () => {
    if (child.pid !== undefined) stopping = stopGroup(child.pid, GRACE_MS, async () => isOver, clock);
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const exitCode = await exitOf(child, program);
    lines.stdout.end();
    lines.stderr.end();
    signal?.throwIfAborted();
    return { exitCode, ...output };
  } finally {
    isOver = true;
    signal?.removeEventListener("abort", stop);
    await stopping;
  }
}

export interface LoggedOptions extends CommandOptions {
  readonly logFile: string;
  readonly cwd?: string;
}

/** Runs the program to its end and returns the exit code; passes on every line of output as it is written. */
export async function runLogged(
  program: string,
  args: readonly string[],
  options: LoggedOptions,
): Promise<number> {
  options.signal?.throwIfAborted();
  const { clock = systemClock } = options;
  const log = await open(options.logFile, "a+", 0o600);
  // Output of an earlier run, which has been passed on already.
  await log.truncate();
  try {
    const child = spawn(program, args, {
      env: options.env,
      stdio: ["ignore", log.fd, log.fd],
      detached: true,
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    });
    let exitCode: number | undefined;
    const exited = exitOf(child, program).then((code) => (exitCode = code));
    exited.catch(() => {});
    const lines = new LineSplitter(options.onLine ?? (() => {}));
    const decoder = new TextDecoder();
    const buffer = Buffer.alloc(64 * 1024);
    let position = 0;
    let stopping: Promise<void> | undefined;
    for (;;) {
      const ended = exitCode !== undefined || child.pid === undefined;
      const { bytesRead } = await log.read(buffer, 0, buffer.length, position);
      position += bytesRead;
      lines.push(decoder.decode(buffer.subarray(0, bytesRead), { stream: true }));
      if (bytesRead > 0) continue;
      if (ended) break;
      if (options.signal?.aborted === true) stopping ??= stopBuilder(child.pid, exited, clock);
      await within(exited, POLL_MS, clock);
    }
    lines.end();
    await stopping;
    const code = await exited;
    options.signal?.throwIfAborted();
    return code;
  } finally {
    await log.close();
  }
}

function exitOf(child: ReturnType<typeof spawn>, program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => {
      reject(
        new BoxkiteError("ENGINE_UNREACHABLE", `${program} cannot be started: ${messageOf(cause)}`, {
          hint: `Install ${program}, or put it on the server's PATH.`,
          cause,
        }),
      );
    });
    child.once("close", (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}

/** Splits text into lines. Of parts separated by carriage returns, as progress bars write them, only the last is kept. */
class LineSplitter {
  readonly #emit: (line: string) => void;
  #rest = "";

  constructor(emit: (line: string) => void) {
    this.#emit = emit;
  }

  push(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = (lines.pop() ?? "").slice(0, LINE_LIMIT);
    for (const line of lines) this.#emit(cleanLine(line));
  }

  end(): void {
    if (this.#rest !== "") this.#emit(cleanLine(this.#rest));
    this.#rest = "";
  }
}

function cleanLine(line: string): string {
  const visible = line.replace(/\r+$/, "");
  return visible.slice(visible.lastIndexOf("\r") + 1).slice(0, LINE_LIMIT);
}
