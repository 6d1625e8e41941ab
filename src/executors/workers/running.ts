/** Which attempts run, with what they have requested and whom they run for. */
import type { ActionKey } from "../../domain/ids.ts";
import type { ResourceAmounts } from "../../domain/task.ts";
import type { PooledAttemptSpec } from "./worker.ts";

export class Running {
  readonly #attempts = new Map<string, PooledAttemptSpec>();
  #total: Required<ResourceAmounts> = { cpu: 0, memoryBytes: 0, gpu: 0 };

  /** Processors on which attempts compute: as many as each has requested, or one. One that waits for those that it called has none. */
  get processors(): number {
    const attempts = [...this.#attempts.values()];
    const keys = attempts.map(({ key }) => key);
    const waiting = new Set(this.awaitedBy(keys, keys));
    return attempts
      .filter(({ key }) => !waiting.has(key))
      .reduce((sum, { requests }) => sum + (requests.cpu ?? 1), 0);
  }

  /** What all of them have requested. */
  get total(): Required<ResourceAmounts> {
    return this.#total;
  }

  add(attempt: PooledAttemptSpec): void {
    this.remove(attempt.key);
    this.#attempts.set(nameOf(attempt.key), attempt);
    this.#total = plus(this.#total, attempt.requests, 1);
  }

  remove(key: ActionKey): void {
    const attempt = this.#attempts.get(nameOf(key));
    if (attempt === undefined) return;
    this.#attempts.delete(nameOf(key));
    this.#total = this.#attempts.size === 0 ? NOTHING : plus(this.#total, attempt.requests, -1);
  }

  /** Whether another action called it. */
  isChild(key: ActionKey): boolean {
    return this.#parentOf(key) !== undefined;
  }

  /** Which of `candidates` any of the attempts was started by, directly or not. */
  awaitedBy(attempts: readonly ActionKey[], candidates: readonly ActionKey[]): readonly ActionKey[] {
    const ancestors = new Set<string>();
    for (const { action, ...run } of attempts) {
      let parent = this.#parentOf({ ...run, action });
      // What is in the set has its own ancestors there.
      while (parent !== undefined && !ancestors.has(nameOf({ ...run, action: parent }))) {
        ancestors.add(nameOf({ ...run, action: parent }));
        parent = this.#parentOf({ ...run, action: parent });
      }
    }
    return candidates.filter((key) => ancestors.has(nameOf(key)));
  }

  #parentOf(key: ActionKey): string | undefined {
    return this.#attempts.get(nameOf(key))?.parent;
  }
}

const NOTHING = { cpu: 0, memoryBytes: 0, gpu: 0 };

function plus(
  total: Required<ResourceAmounts>,
  amounts: ResourceAmounts,
  sign: 1 | -1,
): Required<ResourceAmounts> {
  return {
    cpu: total.cpu + sign * (amounts.cpu ?? 0),
    memoryBytes: total.memoryBytes + sign * (amounts.memoryBytes ?? 0),
    gpu: total.gpu + sign * (amounts.gpu ?? 0),
  };
}

/** One attempt of an action runs at a time. */
export function nameOf({ project, domain, run, action }: ActionKey): string {
  return [project, domain, run, action].join("/");
}
