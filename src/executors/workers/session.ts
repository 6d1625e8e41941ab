/** The server's side of a worker's socket: connects when it is there, and again after a break. See domain/worker-protocol.ts. */
import type { Socket } from "node:net";
import { BoxkiteError } from "../../domain/errors.ts";
import { createBackoff } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { encodeOrder, type Order, type Report } from "../../domain/worker-protocol.ts";
import { decodeReport } from "./report.ts";
import { connectToSocket, socketAppears } from "./socket-file.ts";

const RECONNECT = { baseMs: 20, factor: 2, capMs: 2_000 };
/** Of reports that are not ours to believe: the connection ends at a longer line. */
const LONGEST_LINE = 1024 * 1024;

export type Ready = Report & { readonly event: "ready" };

export class WorkerSession {
  /** What the first line of the first connection said. Rejects when the session is closed before. */
  readonly ready: Promise<Ready>;
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #ready = Promise.withResolvers<Ready>();
  readonly #closing = new AbortController();
  readonly #listeners = new Set<(report: Report) => void>();
  #socket: Socket | undefined;

  constructor(directory: string, clock: Clock, log: Logger) {
    this.#directory = directory;
    this.#clock = clock;
    this.#log = log;
    this.ready = this.#ready.promise;
    // Not everybody waits for it.
    this.ready.catch(() => {});
    // Ends when it is closed.
    this.#connections(this.#closing.signal).catch(() => {});
  }

  /** Resolves when the system has taken the order. Throws ENGINE_UNREACHABLE where the worker is not connected. */
  async send(order: Order): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) throw unreachable("it is not connected");
    await new Promise<void>((resolve, reject) => {
      socket.write(encodeOrder(order), (error) => {
        if (error) reject(unreachable(error.message));
        else resolve();
      });
    });
  }

  onReport(listener: (report: Report) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    const closed = unreachable("its connection was closed");
    this.#ready.reject(closed);
    this.#closing.abort(closed);
    this.#socket?.destroy();
    this.#listeners.clear();
  }

  async #connections(signal: AbortSignal): Promise<void> {
    const backoff = createBackoff(RECONNECT, this.#clock);
    for (;;) {
      await socketAppears(this.#directory, signal, this.#clock);
      try {
        const socket = await connectToSocket(this.#directory);
        if (await this.#read(socket, signal)) backoff.reset();
      } catch (error) {
        this.#log.debug("a worker could not be reached", { error });
      }
      await backoff.wait(signal);
    }
  }

  /** Until the connection ends: whether anything was reported on it. */
  async #read(socket: Socket, signal: AbortSignal): Promise<boolean> {
    this.#socket = socket;
    let hasReported = false;
    try {
      if (signal.aborted) return false;
      for await (const line of linesOf(socket)) {
        const report = decodeReport(line);
        if (report === undefined) {
          this.#log.debug("a worker sent what is no report", { line: line.slice(0, 200) });
          continue;
        }
        hasReported = true;
        if (report.event === "ready") this.#ready.resolve(report);
        for (const listener of this.#listeners) listener(report);
      }
    } finally {
      this.#socket = undefined;
      socket.destroy();
    }
    return hasReported;
  }
}

async function* linesOf(socket: Socket): AsyncIterable<string> {
  socket.setEncoding("utf8");
  let rest = "";
  for await (const chunk of socket as AsyncIterable<string>) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > LONGEST_LINE) throw new Error("the line is too long");
    yield* lines;
  }
}

function unreachable(why: string): BoxkiteError {
  return new BoxkiteError("ENGINE_UNREACHABLE", `the worker cannot be reached: ${why}`, {
    hint: "an attempt that had not begun in it is started in a container of its own",
  });
}
