/**
 * `boxkite/testing`: a temporary server for tests, and runs in the test's own process.
 *
 *     const server = await startServer();
 *     t.after(() => server.stop());
 *     await server.connect();
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { initFromConfig, type InitOptions } from "../authoring/config.ts";
import type { LocalActionEvent, LocalOptions } from "../local/options.ts";
import { TASK, type CallArguments, type Task } from "../authoring/task.ts";
import { systemClock } from "../../lib/clock.ts";
import { orAborted, within } from "../../lib/wait.ts";

export interface TestServerOptions {
  /** What runs the tasks. "process" needs neither a container engine nor images. @default "process" */
  readonly engine?: "process" | "podman" | "docker" | "auto";
  /** The interpreter whose environment has `flyte`, for Python tasks with the engine "process". */
  readonly python?: string;
  /** Additional options of `boxkite up`. */
  readonly args?: readonly string[];
  /** The time limit for the server's start, in milliseconds. @default 30000 */
  readonly timeoutMs?: number;
}

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  /** `host:port`, for initFromConfig({ endpoint, insecure: true }). */
  readonly endpoint: string;
  /** Makes it the server for runs of this process. */
  connect(options?: Omit<InitOptions, "endpoint" | "insecure">): Promise<void>;
  /** The server's log so far. */
  log(): string;
  stop(): Promise<void>;
}

/** Starts `boxkite up` with an empty store on a free port. Its data is deleted when it stops. */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const args = [
    "--engine",
    options.engine ?? "process",
    "--port",
    "0",
    "--ephemeral",
    "--json",
    ...(options.python === undefined ? [] : ["--python", options.python]),
    ...(options.args ?? []),
  ];
  const child = spawn(process.execPath, [programPath(), "up", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, PATH: `${runtimeFolder()}${delimiter}${process.env["PATH"] ?? ""}` },
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  try {
    const ready = await firstLine(child, options.timeoutMs ?? 30_000);
    const event = JSON.parse(ready) as {
      readonly event: string;
      readonly url?: string;
      readonly message?: string;
    };
    if (event.event !== "ready" || event.url === undefined) throw new Error(event.message ?? ready);
    const { url } = event;
    const endpoint = new URL(url).host;
    const stop = (): Promise<void> => end(child);
    return {
      url,
      endpoint,
      connect: (init = {}) =>
        initFromConfig({
          project: "flytesnacks",
          domain: "development",
          ...(options.engine === undefined || options.engine === "process" ? { imageBuilder: "none" } : {}),
          ...init,
          endpoint,
          insecure: true,
        }),
      log: () => log,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (cause) {
    await end(child);
    throw new Error(`the test server did not start: ${String(cause)}\n${log}`, { cause });
  }
}

export interface InProcessResult<Out> {
  readonly outputs: Out;
  /** The attempts, in order: one event at the start of each and one at its end. */
  readonly actions: readonly LocalActionEvent[];
  /** Reports, checkpoints and files of the run. */
  readonly directory: string;
}

/** Runs a task in this process, as a local run, and lists what it called. Rejects with the task's error. */
export async function runInProcess<In, Out>(
  task: Task<In, Out>,
  inputs: CallArguments<In>[0],
  options: Omit<LocalOptions, "onAction" | "clock" | "conditions"> = {},
): Promise<InProcessResult<Out>> {
  const definition = task[TASK];
  if (definition.defined !== "here")
    throw new TypeError(`${task.fullName} is deployed elsewhere; give a stand-in to its caller`);
  const { runInProcess: runLocally } = await import("../local/run.ts");
  const actions: LocalActionEvent[] = [];
  const result = await runLocally(definition, (inputs ?? {}) as Record<string, unknown>, {
    ...options,
    onAction: (event) => actions.push(event),
  });
  return { outputs: result.outputs as Out, actions, directory: result.directory() };
}

async function firstLine(
  child: ChildProcess & { stdout: NonNullable<ChildProcess["stdout"]> },
  timeoutMs: number,
): Promise<string> {
  const lines = createInterface({ input: child.stdout });
  const ended = new AbortController();
  child.once("error", (error) => ended.abort(error));
  // Not "exit": the last output may arrive after it.
  child.once("close", (code) => ended.abort(new Error(`boxkite up ended with code ${code}`)));
  const line = orAborted(once(lines, "line"), ended.signal);
  const first = await within(line, timeoutMs, systemClock);
  if (first === undefined) throw new Error(`it was not ready after ${timeoutMs} ms`);
  // Keeps reading, so that the server never blocks on a full pipe.
  lines.on("line", () => undefined);
  return String(first[0]);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}

/** In the published package the build, in a checkout the source. */
function programPath(): string {
  const here = fileURLToPath(import.meta.url);
  return join(dirname(here), `../../cli/main${here.endsWith(".ts") ? ".ts" : ".js"}`);
}

/** The folder of `a0-ts`: the server's task processes search for it on PATH. */
function runtimeFolder(): string {
  const packageFolder = join(import.meta.dirname, "../../..");
  const installed = join(packageFolder, "../.bin");
  return existsSync(join(installed, "a0-ts")) ? installed : checkoutFolder(packageFolder);
}

/** Makes a folder with only `a0-ts`, for a checkout, where npm has linked no programs. */
function checkoutFolder(checkout: string): string {
  const folder = mkdtempSync(join(tmpdir(), "boxkite-bin-"));
  symlinkSync(join(checkout, "bin/a0-ts.cjs"), join(folder, "a0-ts"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
