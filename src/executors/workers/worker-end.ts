/**
 * Whose end it is that a worker's container has ended while attempts ran in it. One that ran alone has ended it: by os._exit, a
 * fault of its memory, or more memory than its limit. Of several, none can be blamed: all are lost, and tried again.
 */
import type { AttemptExit } from "../../domain/attempt.ts";
import type { Assignment, Assignments } from "./assignments.ts";
import { AttemptFiles } from "./attempt-files.ts";
import type { WorkerEnd } from "./worker.ts";

export type AttemptEnd =
  | { readonly kind: "own"; readonly exitCode: number }
  /** Others ran in the worker. */
  | { readonly kind: "shared"; readonly exitCode: number; readonly exit: AttemptExit }
  | { readonly kind: "unknown"; readonly exit: AttemptExit };

export class WorkerEnds {
  readonly #assignments: Assignments;
  /** Ids of the attempts that ran when a worker ended, by its name: the first that asks finds all of them. */
  readonly #running = new Map<string, Promise<readonly string[]>>();

  constructor(assignments: Assignments) {
    this.#assignments = assignments;
  }

  /** Of an attempt without an exit code. `directory`: of its worker. */
  async endOf(directory: string, { warm, id }: Assignment, end: WorkerEnd | undefined): Promise<AttemptEnd> {
    const lost = { reason: "lost", outOfMemory: false, code: "WORKER_ENDED" } as const;
    if (end?.exitCode === undefined) {
      const message = `the worker ${warm.worker} was removed while the attempt ran in it`;
      return { kind: "unknown", exit: { ...lost, message } };
    }
    const running = this.#running.get(warm.worker) ?? this.#unfinished(directory, warm.worker);
    this.#running.set(warm.worker, running);
    const others = (await running).filter((other) => other !== id).length;
    const { exitCode } = end;
    if (others === 0) return { kind: "own", exitCode };
    const message = `the worker ${warm.worker} ended with exit code ${exitCode} while ${others + 1} attempts ran in it; which of them caused that is not known`;
    return { kind: "shared", exitCode, exit: { ...lost, message } };
  }

  /** No attempt of this worker is left. */
  forget(worker: string): void {
    this.#running.delete(worker);
  }

  async #unfinished(directory: string, worker: string): Promise<readonly string[]> {
    const ids = this.#assignments.all().flatMap(({ warm, id }) => (warm.worker === worker ? [id] : []));
    const codes = await Promise.all(ids.map((id) => new AttemptFiles(directory, id).exitCode()));
    return ids.filter((_, index) => codes[index] === undefined);
  }
}

/** Of an attempt that did not report in `timeoutMs` that it has begun, and may have. */
export function endedByServer(worker: string, timeoutMs: number): AttemptExit {
  const message = `the server ended the worker ${worker}: it did not report within ${timeoutMs / 1000} s that the attempt had begun`;
  return { reason: "lost", outOfMemory: false, code: "WORKER_ENDED", message };
}

/** Of an attempt that was assigned to a worker before a restart of the machine. */
export const MACHINE_RESTARTED: AttemptExit = {
  reason: "lost",
  outOfMemory: false,
  code: "MACHINE_RESTARTED",
  message: "the machine was restarted while a worker had the attempt",
};
