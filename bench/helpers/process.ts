/** Processes of a benchmark: started with one JSON line as their first word, observed, ended by their id. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { BenchContext } from "./measure.ts";

export interface Spoken<T> {
  readonly pid: number;
  /** The object on its first line. */
  readonly first: T;
  /** From the start of the process to that line. */
  readonly ms: number;
  memory(): Memory;
  cpuMs(): number;
  stop(): Promise<void>;
}

/** Starts node with a program and waits for its first line. Ended with the benchmark at the latest. */
export async function speak<T>(
  context: Pick<BenchContext, "defer">,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Spoken<T>> {
  const start = performance.now();
  const child = spawn(process.execPath, [...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-4_000)));
  const stop = () => end(child);
  context.defer(stop);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = await Promise.race([lines.next(), once(child, "exit").then(() => undefined)]);
  const ms = performance.now() - start;
  if (line?.done !== false || child.pid === undefined) throw new Error(`${args[0]} said nothing\n${errors}`);
  // Nobody reads the rest, and a full pipe would stop it.
  child.stdout.resume();
  const { pid } = child;
  return {
    pid,
    first: JSON.parse(line.value) as T,
    ms,
    memory: () => memoryOf(pid),
    cpuMs: () => cpuMsOf(pid),
    stop,
  };
}

/** Starts one of the small peers beside this file. */
export function startPeer(
  context: Pick<BenchContext, "defer">,
  file: string,
  ...args: string[]
): Promise<Spoken<{ readonly port: number }>> {
  return speak(context, [join(import.meta.dirname, file), ...args]);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  // A server ends its attempts first, which have ten seconds for it.
  const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
  await exited;
  clearTimeout(timer);
}

export interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Milliseconds from the start of a program to its end. */
export async function programMs(
  file: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<number> {
  const start = performance.now();
  await outputOf(file, args, options);
  return performance.now() - start;
}

/** What a program prints. Throws with all of it where it fails. */
export function outputOf(
  file: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(file, [...args], { ...options, maxBuffer: 16 << 20 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else
        reject(
          new Error(`${file} failed: ${error.message}\n${stdout.slice(-1_000)}\n${stderr.slice(-2_000)}`),
        );
    });
  });
}

export interface Memory {
  readonly rssMb: number;
  readonly peakMb: number;
}

/** From /proc: Linux only, as the container engines of these figures are. */
function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "mu").exec(status)?.[1]) / 1024;
  return { rssMb: read("VmRSS"), peakMb: read("VmHWM") };
}

/** Processor time used so far by all threads that live, user and system, in milliseconds. */
function cpuMsOf(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  const nanoseconds = readdirSync(tasks).map((task) => {
    const [onCpu] = readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ");
    return Number(onCpu);
  });
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e6;
}
