/** A worker of Python as a process of this machine, for attempts whose inputs come with their order. */
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Order } from "../../src/domain/worker-protocol.ts";
import { InputsSchema, OutputsSchema } from "../../src/wire/gen/flyteidl2/task/common_pb.js";
import { temporaryDirectory } from "../helpers/server.ts";
import { writeProgram } from "../helpers/stock-sdk.ts";
import { ownA0, startWorker, type Connection, type Ended } from "./worker-process.ts";

export interface OrderedWorker extends Connection {
  readonly directory: string;
  /** Its working directory. */
  readonly cwd: string;
  readonly ended: Promise<Ended>;
  /** A file of an attempt; empty where it is missing. */
  file(id: string, name: string): Promise<Buffer>;
}

export interface WorkerSetting {
  /** Of its working directory. */
  readonly files: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

export function startResident(t: TestContext, setting: WorkerSetting): Promise<OrderedWorker> {
  return startOrdered(t, "resident", setting);
}

export async function startOrdered(
  t: TestContext,
  mode: "fork" | "resident",
  setting: WorkerSetting,
): Promise<OrderedWorker> {
  const root = await temporaryDirectory(t);
  const [directory, cwd] = [join(root, "worker"), join(root, "code")];
  await mkdir(cwd);
  await writeProgram(cwd, setting.files);
  const { ended, connect } = await startWorker(t, {
    mode,
    directory,
    cwd,
    args: [...ownA0(), ...(setting.args ?? [])],
    env: { HOME: root, _U_USE_ACTIONS: "1", ...setting.env },
  });
  return {
    ...(await connect()),
    directory,
    cwd,
    ended,
    file: async (id, name) => {
      const path = join(directory, "attempts", id, name);
      return existsSync(path) ? await readFile(path) : Buffer.alloc(0);
    },
  };
}

/** Of a task `task(x: int)` in tasks.py, whose inputs come with the order. Nothing listens at its endpoint. */
export function startOrder(id: string, task: string, x = 0, args: readonly string[] = []): Order {
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
    inputs: startOrderInputs(x),
  };
}

/** inputs.pb as base64. */
export function startOrderInputs(x: number): string {
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
  return Buffer.from(toBinary(InputsSchema, create(InputsSchema, { literals }))).toString("base64");
}

/** Starts it and waits until it is over: its exit code, its result where that is a number, and its output. */
export async function runAttempt(worker: OrderedWorker, id: string, task: string, x = 0) {
  worker.send(startOrder(id, task, x));
  return await attemptEnd(worker, id);
}

export async function attemptEnd(worker: OrderedWorker, id: string) {
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
