/** The worker program of Python as a process of this machine, and a cold a0 beside it. */
import { spawn, type ChildProcess } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { text as textOf } from "node:stream/consumers";
import type { WorkerMode } from "../../src/domain/warm-start.ts";
import { encodeOrder, type Order, type Report } from "../../src/domain/worker-protocol.ts";
import { stockPython } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

export const WORKER_PROGRAM = join(import.meta.dirname, "../../src/python-runtime/programs/worker");

/** A test, or a suite: what is started ends after it. */
export interface Lasting {
  after(end: () => unknown): void;
}

export interface WorkerOptions {
  readonly mode: WorkerMode;
  readonly directory: string;
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** By default those of an image that has a0. */
  readonly args?: readonly string[];
  readonly python?: string;
  /** For its errors: a worker that forks ends what copies them otherwise, when an attempt is over. */
  readonly errors?: string;
}

export interface WorkerProcess {
  readonly pid: number;
  /** Resolves when the process is over: its output and how it ended. */
  readonly ended: Promise<Ended>;
  connect(): Promise<Connection>;
}

export interface Connection {
  readonly reports: Report[];
  send(order: Order): void;
  write(text: string): void;
  /** The first report of this kind, of this attempt where there is one. */
  report<E extends Report["event"]>(event: E, id?: string): Promise<Report & { readonly event: E }>;
  /** Resolves when the worker has closed it. */
  closed(): Promise<void>;
  close(): void;
}

export interface Ended {
  /** 128 + n: ended by signal n. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the worker and a cold a0 have in their environment; nothing listens at the endpoint. */
const ENV = {
  _U_EP_OVERRIDE: "localhost:9",
  _U_INSECURE: "1",
  FSSPEC_FILE_AUTO_MKDIR: "true",
  PYTHONDONTWRITEBYTECODE: "1",
};

function a0Of(python: string): string {
  return join(dirname(python), "a0");
}

/** Of a worker in an image that has flyte. */
export function ownA0(python = stockPython()): string[] {
  return ["--a0", a0Of(python)];
}

export async function startWorker(t: Lasting, options: WorkerOptions): Promise<WorkerProcess> {
  const { mode, directory, cwd, python = stockPython(), args = ownA0(python) } = options;
  await mkdir(directory, { recursive: true });
  const command = [python, WORKER_PROGRAM, mode, directory, ...args];
  const child = spawnPiped(command, cwd, options.env, options.errors);
  t.after(() => child.kill("SIGKILL"));
  const over = endOf(child);
  const socket = join(directory, "socket");
  return {
    pid: child.pid ?? 0,
    ended: over,
    connect: async () => {
      await until(async () => existsSync(socket) || child.exitCode !== null);
      if (!existsSync(socket)) throw new Error(`the worker ended: ${(await over).stderr}`);
      return connectionTo(t, connect(socket));
    },
  };
}

export function startCold(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return endOf(spawnPiped([a0Of(stockPython()), ...args], cwd, env));
}

/** Of an action of the task in a module of the working directory. */
export function actionArguments(output: string, module: string, task: string): string[] {
  const options = {
    inputs: "inputs.pb",
    "outputs-path": output,
    "run-base-dir": output,
    version: "v",
    name: "a0",
    "run-name": "r",
    project: "p",
    domain: "d",
    org: "o",
    resolver: "flyte._internal.resolvers.default.DefaultTaskResolver",
  };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  return [...words, "mod", module, "instance", task];
}

/** What is left of an attempt in the directory of its worker. */
export async function readAttempt(directory: string, id: string): Promise<Ended> {
  const read = (name: string) => readFile(join(directory, "attempts", id, name), "utf8");
  const [exit, stdout, stderr] = await Promise.all([read("exit"), read("stdout"), read("stderr")]);
  return { code: Number(exit), stdout, stderr };
}

/** As engines do: Node itself would give it sockets, which it could not open again by /dev/stdout. */
function spawnPiped(
  command: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
  errors?: string,
): ChildProcess {
  const toErrors = errors === undefined ? "> >(exec cat >&2)" : '>>"$1"';
  const script = `exec "\${@:2}" > >(exec cat) 2${toErrors}`;
  return spawn("bash", ["-c", script, "bash", errors ?? "", ...command], {
    cwd,
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...ENV, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function endOf(child: ChildProcess): Promise<Ended> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("it has no pipes");
  const [outputText, errorText, [code, signal]] = await Promise.all([
    textOf(stdout),
    textOf(stderr),
    once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>,
  ]);
  return {
    code: signal === null ? code : 128 + constants.signals[signal],
    stdout: outputText,
    stderr: errorText,
  };
}

async function connectionTo(t: Lasting, socket: Socket): Promise<Connection> {
  const reports: Report[] = [];
  const arrived = new EventEmitter();
  t.after(() => socket.destroy());
  socket.on("error", () => {}).on("close", () => arrived.emit("report"));
  createInterface({ input: socket }).on("line", (line) => {
    reports.push(JSON.parse(line) as Report);
    arrived.emit("report");
  });
  await once(socket, "connect");
  return {
    reports,
    send: (order) => void socket.write(encodeOrder(order)),
    write: (text) => void socket.write(text),
    report: async (event, id) => {
      for (;;) {
        const found = reports.find(
          (each): each is Report & { readonly event: typeof event } =>
            each.event === event && (id === undefined || ("id" in each && each.id === id)),
        );
        if (found !== undefined) return found;
        if (socket.closed) throw new Error(`no report ${event}, but ${JSON.stringify(reports)}`);
        await once(arrived, "report");
      }
    },
    closed: async () => {
      while (!socket.closed) await once(arrived, "report");
    },
    close: () => socket.destroy(),
  };
}
