/** Roots of runs that are under way, with the plan of their workers: when one has ended, the next run may begin with another. */
import type { ActionKey } from "../../domain/ids.ts";
import { isForNextRun } from "./pool-rules.ts";
import { nameOf } from "./running.ts";
import type { WorkerPlan } from "./worker.ts";

export class Roots {
  readonly #plans = new Map<string, WorkerPlan>();

  /** Any other attempt is passed over. */
  add(plan: WorkerPlan, key: ActionKey): void {
    if (isForNextRun(plan)) this.#plans.set(nameOf(key), plan);
  }

  has({ pool }: WorkerPlan): boolean {
    return this.#plans.values().some((plan) => plan.pool === pool);
  }

  /** Undefined where it is none, or was over before. */
  end(key: ActionKey): WorkerPlan | undefined {
    const plan = this.#plans.get(nameOf(key));
    this.#plans.delete(nameOf(key));
    return plan;
  }
}
