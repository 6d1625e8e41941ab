/** The socket of a worker: one client at a time, one JSON object per line (domain/worker-protocol.ts). */
import { rmSync } from "node:fs";
import { rename } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { Order, Report } from "../../domain/worker-protocol.ts";

export interface WorkerSocketHandlers {
  /** What a client is told first. */
  readonly greeting: () => readonly Report[];
  readonly order: (order: Order) => void;
}

export class WorkerSocket {
  readonly #handlers: WorkerSocketHandlers;
  readonly #server: Server;
  readonly #path: string;
  #client: Socket | undefined;

  private constructor(path: string, handlers: WorkerSocketHandlers) {
    this.#path = path;
    this.#handlers = handlers;
    this.#server = createServer((client) => this.#serve(client));
  }

  /** Resolves when it accepts connections; from then on the file `socket` is in the directory. */
  static async listen(directory: string, handlers: WorkerSocketHandlers): Promise<WorkerSocket> {
    const path = join(directory, "socket");
    const socket = new WorkerSocket(path, handlers);
    const listening = Promise.withResolvers<void>();
    socket.#server.once("error", listening.reject).once("listening", listening.resolve);
    // The server may run as another user than the container; only the two can enter the directory.
    // The file is there before it can be connected to: so it gets its name when it can.
    const unfinished = `${path}.new`;
    socket.#server.listen({ path: unfinished, readableAll: true, writableAll: true });
    await listening.promise;
    await rename(unfinished, path);
    return socket;
  }

  /** Without a client it is not sent: the next one is greeted with what is not over. */
  send(report: Report): void {
    if (this.#client?.writable === true) this.#client.write(encodeReport(report));
  }

  /** Removes the socket's file at once. Resolves when all reports are sent, or the client is gone. */
  async close(): Promise<void> {
    rmSync(this.#path, { force: true });
    this.#server.close();
    const client = this.#client;
    if (client === undefined || client.destroyed) return;
    const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
    // A client that keeps its side open must not hold the worker.
    client.end(() => client.destroy());
    await closed;
  }

  #serve(client: Socket): void {
    this.#client?.destroy();
    this.#client = client;
    // A client that is gone is followed by another one, or by none: nothing depends on it.
    client.on("error", () => client.destroy());
    client.write(this.#handlers.greeting().map(encodeReport).join(""));
    let rest = "";
    client.setEncoding("utf8").on("data", (text: string) => {
      const lines = `${rest}${text}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const order = decodeOrder(line);
        if (order === undefined) return client.destroy();
        this.#handlers.order(order);
      }
      return undefined;
    });
  }
}

function encodeReport(report: Report): string {
  return `${JSON.stringify(report)}\n`;
}

/** Undefined for a line that is no JSON object. */
function decodeOrder(line: string): Order | undefined {
  try {
    const order: unknown = JSON.parse(line);
    return typeof order === "object" && order !== null ? (order as Order) : undefined;
  } catch {
    return undefined;
  }
}
