/** The runs that ended last: what was expected of them may be known only later. */
import type { RunKey } from "../../domain/ids.ts";
import type { WorkerPlan } from "./worker.ts";

/** More than there are that end while their attempts are planned. */
const MOST_RUNS = 1_000;

export class EndedRuns {
  readonly #names = new Set<string>();

  add(run: RunKey): void {
    this.#names.add(nameOf(run));
    const [oldest] = this.#names;
    if (this.#names.size > MOST_RUNS && oldest !== undefined) this.#names.delete(oldest);
  }

  /** Whether the plan is of one of them. */
  has({ run, container }: WorkerPlan): boolean {
    const { project, domain } = container.key;
    return run !== undefined && this.#names.has(nameOf({ project, domain, run }));
  }
}

function nameOf({ project, domain, run }: RunKey): string {
  return [project, domain, run].join("/");
}
