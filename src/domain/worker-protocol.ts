/**
 * What the server and a worker say to each other: one JSON object per line, over a Unix socket on which the worker
 * listens. A worker has one client at a time; a new connection replaces the one before, and is told everything that is
 * not over yet. Nothing depends on a connection: attempts go on without one.
 *
 * A worker's directory is mounted into its container at WORKER_PATH:
 *
 *   socket              where it listens; exists from when it is ready, and every user may connect. In mode one_shot the
 *                       worker removes it when it has read its order, before the attempt's own code may run: so a server
 *                       knows after a restart whether the order was taken
 *   attempts/ID/stdout, stderr
 *                       of an attempt, there once something was written to it; not in mode one_shot, whose output is that of
 *                       the container
 *   attempts/ID/outputs.pb, error.pb
 *                       the file that it would have written to its --outputs-path, where the order had `inputs`: complete
 *                       when `exit` is there, and for the server to store
 *   attempts/ID/exit    its exit code as a decimal number (128 + n: ended by signal n), written atomically when it is over
 *   attempts/ID/unstarted  why it ended before its own code began, written atomically before `exit`, and only then: it may
 *                       be started again elsewhere. Such are a fork that hung, crashed or failed on its way, or was not made
 *
 * The code of tasks can write to this directory: nothing in it proves more than that a task of this worker's pool wrote it,
 * and symbolic links in it are not to be followed.
 */
import type { WorkerMode } from "./warm-start.ts";

/**
 * The version of all this. A package `boxkite` that has `a0-ts --worker` names it in its package.json as `boxkite.workers`,
 * so that it can be read before one is started.
 */
export const WORKER_PROTOCOL = 1;

/** Where containers have the worker's directory. */
export const WORKER_PATH = "/run/boxkite/worker";

/**
 * How long a forked process may take until the attempt's own code begins, before a worker of mode fork ends it. Given to it
 * as `--watchdog`, in seconds.
 */
export const FORK_WATCHDOG_MS = 30_000;

/** To the worker. */
export type Order =
  /** Start an attempt. Given again for an id that is known, it changes nothing. */
  | {
      readonly op: "start";
      /** Of the attempt, unique for this worker: letters, digits and `-`. */
      readonly id: string;
      /** Of `a0` or `a0-ts`, without that word. */
      readonly args: readonly string[];
      /** Variables of this attempt beyond those of the container. */
      readonly env: Readonly<Record<string, string>>;
      /**
       * Modes fork and resident: the object at `--inputs` as base64, which the worker then does not read. Nor does it write
       * what it keeps as outputs.pb or error.pb: a key of its own costs an attempt a new client of the object store, which takes
       * several times as long as a trivial task.
       */
      readonly inputs?: string;
    }
  /** Sent to all processes of the attempt; `TERM` or `KILL`. */
  | { readonly op: "signal"; readonly id: string; readonly signal: "TERM" | "KILL" };

/** From the worker. */
export type Report =
  /** The first line of each connection. */
  | {
      readonly event: "ready";
      readonly mode: WorkerMode;
      /** Of the interpreter, and of flyte or boxkite. */
      readonly runtime: string;
      readonly sdk: string;
      /** Attempts that have started; of those that are over, the exit file is there. */
      readonly known: readonly string[];
      /** Libraries that are imported already. */
      readonly preloaded?: readonly string[];
      /** Why others are not, by name. */
      readonly leftOut?: Readonly<Record<string, string>>;
    }
  /** The attempt's own code may run from now on. */
  | { readonly event: "started"; readonly id: string }
  /**
   * It is over, with the code that its file has. Not sent in mode one_shot: there the container ends. Where its own code began,
   * `started` was sent before.
   */
  | { readonly event: "exited"; readonly id: string; readonly code: number }
  /** It takes no further attempts, and why: the process has changed in a way that the next one would notice. */
  | { readonly event: "spoiled"; readonly reason: string };

export function encodeOrder(order: Order): string {
  return `${JSON.stringify(order)}\n`;
}
