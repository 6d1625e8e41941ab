/**
 * The ports of the server: one for everybody, and where the connections of containers cannot be told from those of people
 * one more, which takes calls of tasks only.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BoxkiteError, type ErrorCode } from "../domain/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Reach } from "../platform/reach.ts";
import { explainDirectory } from "./create-directory.ts";
import { limitsFor } from "./connection-limits.ts";
import type { Handlers } from "./handler.ts";
import { listen, type Listener, type ListenerOptions } from "./listener.ts";
import { mostOpenFiles } from "./open-files.ts";

export interface ListenersOptions extends Omit<ListenerOptions, "handler"> {
  readonly handlers: Omit<Handlers, "objectsOf">;
  /** Which connections the listener of tasks takes. Undefined: there is none. */
  readonly taskReach?: Reach | undefined;
  readonly dataDirectory: string;
  readonly log: Logger;
}

export interface Listeners {
  readonly port: number;
  readonly taskPort: number | undefined;
  close(): Promise<void>;
}

/** Throws PORT_IN_USE for the port for everybody, naming the holder. */
export async function openListeners({
  handlers,
  taskReach,
  dataDirectory,
  log,
  ...options
}: ListenersOptions): Promise<Listeners> {
  await using opened = new AsyncDisposableStack();
  const limits = { ...limitsFor(taskReach === undefined ? 1 : 2, await mostOpenFiles()), ...options.limits };
  const everybody = await listen({ ...options, handler: handlers.everybody, limits });
  opened.defer(() => everybody.close());
  const tasks =
    taskReach &&
    (await listenForTasks(
      { reach: taskReach, handler: handlers.tasks(), limits },
      everybody.port,
      dataDirectory,
      log,
    ));
  opened.defer(() => tasks?.close());
  const running = opened.move();
  return { port: everybody.port, taskPort: tasks?.port, close: () => running.disposeAsync() };
}

/** In the data directory: containers that outlive the server call its next one at the same port. */
const TASK_PORT_FILE = "task-port";
const MAX_PORT = 65_535;
/** Where another port is as good. */
const OTHER_PORT: ReadonlySet<ErrorCode> = new Set(["PORT_IN_USE", "CONFIG_INVALID"]);

/** At the port that was used before; at first the one after the port for everybody, or any that is free. */
async function listenForTasks(
  options: Omit<ListenerOptions, "port">,
  port: number,
  dataDirectory: string,
  log: Logger,
): Promise<Listener> {
  const file = join(dataDirectory, TASK_PORT_FILE);
  const stored = portIn(await readFile(file, "utf8").catch(() => ""));
  const listener =
    (await listenAt(stored, options)) ??
    (await listenAt(port < MAX_PORT ? port + 1 : undefined, options)) ??
    (await listen({ ...options, port: 0 }));
  if (listener.port === stored) return listener;
  if (stored !== undefined)
    log.warn("the port of task containers is not free any more: tasks that still run cannot call", {
      port: stored,
      now: listener.port,
    });
  try {
    await writeFile(file, String(listener.port));
  } catch (error) {
    await listener.close();
    throw explainDirectory(error, dataDirectory);
  }
  return listener;
}

/** Undefined for what is no port. */
function portIn(text: string): number | undefined {
  const port = Number(text);
  return Number.isInteger(port) && port > 0 && port <= MAX_PORT ? port : undefined;
}

/** Undefined where the port is in use, or may not be used. */
async function listenAt(
  port: number | undefined,
  options: Omit<ListenerOptions, "port">,
): Promise<Listener | undefined> {
  if (port === undefined) return undefined;
  try {
    return await listen({ ...options, port });
  } catch (error) {
    if (error instanceof BoxkiteError && OTHER_PORT.has(error.code)) return undefined;
    throw error;
  }
}
