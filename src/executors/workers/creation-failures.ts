/** What is known of workers that could not be made: of one image and program, whichever pools they are of. */
import { backoffMs } from "../../domain/backoff.ts";
import { CREATION_BACKOFF } from "./pool-rules.ts";
import type { WorkerPlan } from "./worker.ts";

const FORGOTTEN_MS = 60 * 60_000;

export class CreationFailures {
  /** Of the creations since the last one that succeeded. */
  count = 0;
  /** Milliseconds since the epoch: until then none is made. */
  retryAt = 0;

  /** Why the last of them failed. */
  problem: string | undefined;

  add(message: string, atMs: number): void {
    this.problem = message;
    this.retryAt = atMs + backoffMs(CREATION_BACKOFF, this.count++);
  }

  clear(): void {
    this.count = 0;
    this.retryAt = 0;
    this.problem = undefined;
  }
}

/** Pools are those of a run: without this each run would try what failed in the one before. */
export class KnownFailures {
  readonly #failures = new Map<string, CreationFailures>();

  of({ mode, program, container: { image, limits } }: WorkerPlan): CreationFailures {
    const name = JSON.stringify([image.pinned, mode, program.args, limits]);
    const known = this.#failures.get(name) ?? new CreationFailures();
    this.#failures.set(name, known);
    return known;
  }

  /** Where no creation has failed for an hour; `used`: those of pools that there are. */
  forget(atMs: number, used: ReadonlySet<CreationFailures>): void {
    for (const [name, failures] of this.#failures) {
      const isOld = failures.count === 0 || atMs - failures.retryAt > FORGOTTEN_MS;
      if (isOld && !used.has(failures)) this.#failures.delete(name);
    }
  }
}
