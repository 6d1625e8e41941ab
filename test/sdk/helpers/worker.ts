/** `a0-ts --worker` as a server drives it: over its socket. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { A0_TS, CONTAINER_ENV, prepareAttempt, type Ended, type Start } from "./attempt.ts";
import { encodeOrder, type Order, type Report } from "../../../src/domain/worker-protocol.ts";
import { until } from "../../helpers/until.ts";

type Event<E extends Report["event"]> = Report & { readonly event: E };

export class TestClient {
  readonly #socket: Socket;
  readonly #reports: Report[] = [];
  #wake = Promise.withResolvers<void>();
  isOver = false;

  constructor(path: string) {
    this.#socket = connect(path);
    const changed = (): void => {
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    };
    createInterface({ input: this.#socket }).on("line", (line) => {
      this.#reports.push(JSON.parse(line) as Report);
      changed();
    });
    this.#socket
      .on("error", () => undefined)
      .on("close", () => {
        this.isOver = true;
        changed();
      });
  }

  send(order: Order): void {
    this.#socket.write(encodeOrder(order));
  }

  /** The first report of this kind, of this attempt if one is named; rejects when the connection is closed without it. */
  async report<E extends Report["event"]>(event: E, id?: string): Promise<Event<E>> {
    for (;;) {
      const found = this.#reports.find(
        (report): report is Event<E> =>
          report.event === event && (id === undefined || ("id" in report && report.id === id)),
      );
      if (found !== undefined) return found;
      if (this.isOver) throw new Error(`no ${event} in ${JSON.stringify(this.#reports)}`);
      await this.#wake.promise;
    }
  }

  async closed(): Promise<void> {
    while (!this.isOver) await this.#wake.promise;
  }

  close(): void {
    this.#socket.destroy();
  }
}

export interface TestWorker {
  readonly directory: string;
  readonly pid: number;
  /** Its own output so far. */
  readonly output: { stdout: string; stderr: string };
  readonly ended: Promise<{ readonly code: number | null }>;
  connect(): TestClient;
  kill(signal: NodeJS.Signals): void;
}

export async function startWorker(
  t: TestContext,
  cwd: string,
  mode: string,
  options: { readonly concurrency?: number; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<TestWorker> {
  const directory = mkdtempSync(join(tmpdir(), "boxkite-worker-"));
  const concurrency = options.concurrency === undefined ? [] : ["--concurrency", String(options.concurrency)];
  const child = spawn(process.execPath, [A0_TS, "--worker", mode, directory, ...concurrency], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...CONTAINER_ENV, ...options.env },
  });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => (output[name] += text));
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null }));
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(directory, { recursive: true, force: true });
  });
  const isReady = (): boolean => {
    if (child.exitCode !== null) throw new Error(`the worker ended: ${output.stderr}`);
    return existsSync(join(directory, "socket"));
  };
  await until(async () => isReady());
  return {
    directory,
    pid: child.pid ?? 0,
    output,
    ended,
    connect: () => new TestClient(join(directory, "socket")),
    kill: (signal) => child.kill(signal),
  };
}

/** In a worker that takes this attempt only; the process is what is left of it. */
export async function startOneShot(t: TestContext, cwd: string, options: Start): Promise<Ended> {
  const worker = await startWorker(t, cwd, "one_shot");
  const client = worker.connect();
  await client.report("ready");
  const { args, env, read } = prepareAttempt(cwd, options);
  client.send({ op: "start", id: "only", args, env });
  await client.closed();
  await client.report("started", "only");
  await answerLines(worker, options);
  const { code } = await worker.ended;
  return { code, ...worker.output, ...read() };
}

async function answerLines(worker: TestWorker, { onLine }: Start): Promise<void> {
  if (onLine === undefined) return;
  await until(async () => worker.output.stdout !== "");
  onLine(worker.output.stdout, (signal) => worker.kill(signal));
}

let attempts = 0;

/** In a resident worker, whose client is given. */
export async function startResident(
  worker: TestWorker,
  client: TestClient,
  cwd: string,
  options: Start & { readonly sendsInputs?: boolean },
): Promise<Ended> {
  const id = `attempt-${++attempts}`;
  const { args, env, read, takeInputs } = prepareAttempt(cwd, options);
  const inputs = options.sendsInputs === true ? takeInputs() : undefined;
  client.send({ op: "start", id, args, env, ...(inputs !== undefined && { inputs }) });
  const file = (name: string): string => {
    const path = join(worker.directory, "attempts", id, name);
    // Of what wrote nothing there is no file.
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  };
  if (options.onLine !== undefined) {
    await client.report("started", id);
    await until(async () => file("stdout") !== "");
    options.onLine(file("stdout"), (signal) => {
      client.send({ op: "signal", id, signal: signal === "SIGKILL" ? "KILL" : "TERM" });
    });
  }
  const { code } = await client.report("exited", id);
  if (file("exit") !== String(code)) throw new Error(`the file has ${file("exit")}, the report ${code}`);
  const ended = { code, stdout: file("stdout"), stderr: file("stderr"), ...read() };
  if (inputs === undefined) return ended;
  if (ended.outputs !== undefined || ended.error !== undefined) throw new Error("it has stored its result");
  const { outputs, error } = read(join(worker.directory, "attempts", id));
  return { ...ended, outputs, error };
}
