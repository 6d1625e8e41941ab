/**
 * A worker that takes attempts one after the other, or several at once, in one process: modules and their state live on.
 * Output, `process.exit` and errors that nobody handles belong to the attempt whose asynchronous context they come from.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { AttemptFiles } from "./attempt-files.ts";
import { availableBytes, currentUsage, Leftovers } from "./leftovers.ts";
import { redirectOutput } from "./output.ts";
import { ExitedError, redirectExit } from "./process-exit.ts";
import { setProcessState } from "./process-state.ts";
import { readyReport } from "./ready-report.ts";
import { EXIT_KILLED, ResidentAttempt } from "./resident-attempt.ts";
import { WorkerSocket } from "./worker-socket.ts";
import { parseArguments, UsageError, type RuntimeArguments } from "../arguments.ts";
import { EXIT_CRASH, EXIT_TERMINATED } from "../run-action.ts";
import type { Environment } from "../../client/config-file.ts";
import type { Order, Report } from "../../domain/worker-protocol.ts";
import { systemClock } from "../../lib/clock.ts";

type StartOrder = Order & { readonly op: "start" };

export interface ResidentOptions {
  readonly directory: string;
  readonly concurrency: number;
}

export class ResidentWorker {
  readonly #directory: string;
  readonly #concurrency: number;
  /** Of the container. */
  readonly #env = { ...process.env };
  readonly #context = new AsyncLocalStorage<ResidentAttempt>();
  readonly #leftovers = new Leftovers(availableBytes());
  readonly #ended = Promise.withResolvers<number>();
  /** All that were ordered and whose directories the server has not removed. */
  readonly #known = new Set<string>();
  readonly #waiting: StartOrder[] = [];
  readonly #running = new Map<string, ResidentAttempt>();
  #socket: WorkerSocket | undefined;
  /** Of the code that is loaded. */
  #version: string | undefined;
  #spoiled: string | undefined;

  constructor({ directory, concurrency }: ResidentOptions) {
    this.#directory = directory;
    this.#concurrency = concurrency;
  }

  /** Resolves to the exit code of the process. */
  async run(): Promise<number> {
    redirectOutput(() => this.#current()?.files);
    redirectExit(() => {
      const attempt = this.#current();
      return attempt && ((code) => attempt.exit(code));
    });
    const unhandled = (error: unknown): void => this.#unhandled(error);
    process.on("uncaughtException", unhandled);
    process.on("unhandledRejection", unhandled);
    process.on("SIGTERM", this.#terminated);
    this.#socket = await WorkerSocket.listen(this.#directory, {
      greeting: () => this.#greeting(),
      order: (order) => this.#take(order),
    });
    const code = await this.#ended.promise;
    await this.#socket.close();
    return code;
  }

  /** The attempt of the running code; where that says nothing, the only one that there can be. */
  #current(): ResidentAttempt | undefined {
    const own = this.#context.getStore();
    if (own !== undefined && !own.isOver) return own;
    if (this.#concurrency > 1) return undefined;
    const [only] = this.#running.values();
    return only;
  }

  #greeting(): readonly Report[] {
    for (const id of this.#known) if (!existsSync(this.#directoryOf(id))) this.#known.delete(id);
    return [
      readyReport("resident", [...this.#known]),
      ...[...this.#running.keys()].map((id): Report => ({ event: "started", id })),
      ...(this.#spoiled === undefined ? [] : [{ event: "spoiled", reason: this.#spoiled } as const]),
    ];
  }

  #take(order: Order): void {
    if (order.op === "start") {
      const isWaiting = this.#waiting.some(({ id }) => id === order.id);
      if (this.#known.has(order.id) || isWaiting) return;
      this.#waiting.push(order);
      this.#startNext();
      return;
    }
    const attempt = this.#running.get(order.id);
    if (attempt === undefined) this.#withdraw(order.id, order.signal);
    else if (order.signal === "KILL") attempt.kill();
    else this.#terminate(attempt);
  }

  /** Of one that waits for another to end, nothing has run. */
  #withdraw(id: string, signal: "TERM" | "KILL"): void {
    const index = this.#waiting.findIndex((order) => order.id === id);
    if (index === -1) return;
    this.#waiting.splice(index, 1);
    this.#known.add(id);
    const code = signal === "KILL" ? EXIT_KILLED : EXIT_TERMINATED;
    new AttemptFiles(this.#directoryOf(id)).close(code);
    this.#socket?.send({ event: "exited", id, code });
  }

  #startNext(): void {
    while (this.#spoiled !== undefined || this.#running.size < this.#concurrency) {
      const order = this.#waiting.shift();
      if (order === undefined) return;
      const given = argumentsOf(order, { ...this.#env, ...order.env });
      const refusal = this.#spoiled ?? this.#refusal(given);
      if (refusal === undefined) this.#start(order, given);
      else this.#refuse(order.id, refusal);
    }
  }

  /** None of its code has run: it can start elsewhere. */
  #refuse(id: string, unstarted: string): void {
    this.#known.add(id);
    new AttemptFiles(this.#directoryOf(id)).close(EXIT_CRASH, unstarted);
    this.#socket?.send({ event: "exited", id, code: EXIT_CRASH });
  }

  #start({ id, args, env, inputs: encoded }: StartOrder, given: RuntimeArguments | UsageError): void {
    this.#known.add(id);
    const files = new AttemptFiles(this.#directoryOf(id));
    const restore = this.#concurrency === 1 ? setProcessState(args, env) : undefined;
    const inputs = encoded === undefined ? undefined : Buffer.from(encoded, "base64");
    const attempt = new ResidentAttempt({ given, inputs, env: { ...this.#env, ...env }, files }, systemClock);
    this.#running.set(id, attempt);
    this.#socket?.send({ event: "started", id });
    void attempt.over.then(({ code, spoils }) => {
      this.#running.delete(id);
      files.close(code);
      this.#socket?.send({ event: "exited", id, code });
      this.#settle(spoils ?? restore?.());
    });
    void this.#context.run(attempt, () => attempt.run());
  }

  /** An attempt is over: may another one follow? */
  #settle(spoils: string | undefined): void {
    const reason = spoils ?? this.#leftovers.check(currentUsage(), this.#running.size);
    if (reason !== undefined) this.#spoil(reason);
    this.#startNext();
    if (this.#spoiled !== undefined && this.#running.size === 0) this.#ended.resolve(0);
  }

  #spoil(reason: string): void {
    if (this.#spoiled !== undefined) return;
    this.#spoiled = reason;
    this.#socket?.send({ event: "spoiled", reason });
  }

  /** As to a process of its own: to the platform's code first, then to what the task listens with. */
  #terminate(attempt: ResidentAttempt): void {
    attempt.terminate();
    if (this.#concurrency > 1) return;
    for (const listener of process.listeners("SIGTERM"))
      if (listener !== this.#terminated) this.#context.run(attempt, () => listener("SIGTERM"));
  }

  /** The container is stopped. */
  readonly #terminated = (): void => {
    this.#spoil("its container is stopped");
    for (const attempt of this.#running.values()) this.#terminate(attempt);
    if (this.#running.size === 0) this.#ended.resolve(0);
  };

  #unhandled(error: unknown): void {
    // The attempt ended with that call.
    if (error instanceof ExitedError) return;
    const attempt = this.#current();
    if (attempt !== undefined) return this.#context.run(attempt, () => attempt.crash(error));
    // Nobody knows what it has broken: all end without an exit code, as if their container had crashed.
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const message = `a0-ts: the worker ends because of an error of no task that runs: ${text}\n`;
    for (const { files } of this.#running.values()) files.note(message);
    process.stderr.write(message);
    this.#spoil("an error that nobody handled came from no task that runs");
    this.#ended.resolve(EXIT_CRASH);
  }

  /** One process has one version of each module. */
  #refusal(given: RuntimeArguments | UsageError): string | undefined {
    if (given instanceof UsageError) return undefined;
    const wanted = `${given.version} ${given.bundle?.uri ?? ""}`.trim();
    this.#version ??= wanted;
    if (wanted === this.#version) return undefined;
    return `the version ${wanted} of the code cannot run in a worker that has loaded the version ${this.#version}`;
  }

  #directoryOf(id: string): string {
    return join(this.#directory, "attempts", id);
  }
}

function argumentsOf({ args }: StartOrder, env: Environment): RuntimeArguments | UsageError {
  try {
    return parseArguments(args, env);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
}
