/** A resident worker of Python as a process of this machine. */
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { encodeOrder, type Order, type Report } from "../../src/executors/workers/protocol.ts";
import { InputsSchema, OutputsSchema } from "../../src/wire/gen/flyteidl2/task/common_pb.js";
import { temporaryDirectory } from "../helpers/server.ts";
import { stockPython, writeProgram } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

const PROGRAM = join(import.meta.dirname, "../../src/python-runtime/programs/worker");

export interface ResidentWorker {
  readonly pid: number;
  /** Its working directory. */
  readonly cwd: string;
  readonly reports: Report[];
  /** Resolves with its exit code when the process is over. */
  readonly ended: Promise<number | null>;
  send(order: Order): void;
  /** The first report of this kind, of this attempt where there is one. */
  report<E extends Report["event"]>(event: E, id?: string): Promise<Report & { readonly event: E }>;
  /** A file of an attempt; empty where it is missing. */
  file(id: string, name: string): Promise<Buffer>;
}

export interface WorkerSetting {
  /** Of its working directory. */
  readonly files: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

export async function startResident(t: TestContext, setting: WorkerSetting): Promise<ResidentWorker> {
  const python = stockPython();
  const root = await temporaryDirectory(t);
  const [directory, cwd] = [join(root, "worker"), join(root, "code")];
  await Promise.all([mkdir(directory), mkdir(cwd)]);
  await writeProgram(cwd, setting.files);
  const words = [
    PROGRAM,
    "resident",
    directory,
    "--a0",
    join(dirname(python), "a0"),
    ...(setting.args ?? []),
  ];
  const env = { PATH: process.env["PATH"], HOME: root, _U_USE_ACTIONS: "1", _U_INSECURE: "true" };
  const child = spawn(python, words, {
    cwd,
    env: { ...env, PYTHONDONTWRITEBYTECODE: "1", ...setting.env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
  const ended = once(child, "exit").then(([code]) => code as number | null);
  const socket = join(directory, "socket");
  await until(async () => existsSync(socket) || child.exitCode !== null);
  if (!existsSync(socket)) throw new Error(`the worker ended: ${log}`);

  const client = connect(socket);
  t.after(() => client.destroy());
  const reports: Report[] = [];
  const arrived = new EventEmitter();
  client.on("error", () => {}).on("close", () => arrived.emit("report"));
  createInterface({ input: client }).on("line", (line) => {
    reports.push(JSON.parse(line) as Report);
    arrived.emit("report");
  });
  return {
    pid: child.pid ?? 0,
    cwd,
    reports,
    ended,
    send: (order) => void client.write(encodeOrder(order)),
    report: async (event, id) => {
      for (;;) {
        const found = reports.find(
          (each): each is Report & { readonly event: typeof event } =>
            each.event === event && (id === undefined || ("id" in each && each.id === id)),
        );
        if (found !== undefined) return found;
        if (client.closed) throw new Error(`no report ${event}, but ${JSON.stringify(reports)}\n${log}`);
        await once(arrived, "report");
      }
    },
    file: async (id, name) => {
      const path = join(directory, "attempts", id, name);
      return existsSync(path) ? await readFile(path) : Buffer.alloc(0);
    },
  };
}

/** Of a task `task(x: int)` in tasks.py, whose inputs come with the order. Nothing listens at its endpoint. */
export function startOrder(id: string, task: string, x = 0, args: readonly string[] = []): Order {
  const literals = [
    {
      name: "x",
      value: {
        value: {
          case: "scalar" as const,
          value: {
            value: {
              case: "primitive" as const,
              value: { value: { case: "integer" as const, value: BigInt(x) } },
            },
          },
        },
      },
    },
  ];
  const inputs = toBinary(InputsSchema, create(InputsSchema, { literals }));
  const options = {
    inputs: "s3://none/inputs.pb",
    "outputs-path": "s3://none/out",
    "run-base-dir": "s3://none",
    "raw-data-path": "s3://none/raw",
    version: "v",
    name: id,
    "run-name": "r",
    project: "p",
    domain: "d",
    org: "o",
    resolver: "flyte._internal.resolvers.default.DefaultTaskResolver",
  };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  return {
    op: "start",
    id,
    args: [...words, ...args, "mod", "tasks", "instance", task],
    env: { _U_EP_OVERRIDE: `127.0.0.1:9/t/${id}`, ACTION_NAME: id, FLYTE_ATTEMPT_NUMBER: "3" },
    inputs: Buffer.from(inputs).toString("base64"),
  };
}

/** Starts it and waits until it is over: its exit code, its result where that is a number, and its output. */
export async function runAttempt(worker: ResidentWorker, id: string, task: string, x = 0) {
  worker.send(startOrder(id, task, x));
  return await attemptEnd(worker, id);
}

export async function attemptEnd(worker: ResidentWorker, id: string) {
  const { code } = await worker.report("exited", id);
  const [outputs, stdout, stderr, error, exit] = await Promise.all(
    ["outputs.pb", "stdout", "stderr", "error.pb", "exit"].map((name) => worker.file(id, name)),
  );
  const value = fromBinary(OutputsSchema, outputs ?? Buffer.alloc(0)).literals[0]?.value?.value;
  const scalar = value?.case === "scalar" ? value.value.value : undefined;
  const primitive = scalar?.case === "primitive" ? scalar.value.value : undefined;
  return {
    code,
    result: primitive?.case === "integer" ? Number(primitive.value) : primitive?.value,
    stdout: String(stdout),
    stderr: String(stderr),
    error: String(error),
    exit: String(exit),
  };
}
