/**
 * Counts of live attempts, in total, by queue and by run, and the resources that they use. Read from the store
 * once, then updated by each change, so that the cost of a pass does not depend on what runs.
 * A parent that awaits its children keeps its memory, but neither a slot nor processors.
 */
import type { ActionRecord } from "../domain/action-record.ts";
import { hasLiveAttempt } from "../domain/action.ts";
import { isTerminal } from "../domain/phase.ts";
import { minus, sum } from "../domain/resources.ts";
import type { ResourceAmounts } from "../domain/task.ts";
import type { Demand, UnfinishedChild } from "../store/store.ts";

interface Live {
  readonly action: Pick<ActionRecord, "runId" | "queue">;
  readonly name: string;
  readonly takes: ResourceAmounts;
  computes: boolean;
}

export class Load {
  #computing = 0;
  #used: ResourceAmounts = {};
  readonly #inQueue = new Map<string, number>();
  readonly #ofRun = new Map<number, number>();
  readonly #ofRunInQueue = new Map<string, number>();
  readonly #liveOfRun = new Map<number, number>();
  /** By the id of the action. */
  readonly #live = new Map<number, Live>();
  /** Ids of live actions, by `nameOf`. */
  readonly #liveIds = new Map<string, number>();
  /** Ids of unfinished children, by `nameOf` their parent. */
  readonly #children = new Map<string, Set<number>>();

  constructor(live: readonly Demand[], unfinished: readonly UnfinishedChild[]) {
    for (const { id, runId, parent } of unfinished) this.#childrenOf(nameOf(runId, parent)).add(id);
    for (const demand of live) this.admit(demand);
  }

  /** Attempts that hold a slot. */
  get computing(): number {
    return this.#computing;
  }

  get used(): ResourceAmounts {
    return this.#used;
  }

  computingInQueue(queue: string): number {
    return this.#inQueue.get(queue) ?? 0;
  }

  computingOfRun(runId: number): number {
    return this.#ofRun.get(runId) ?? 0;
  }

  computingOfRunInQueue(action: ActionRecord): number {
    return this.#ofRunInQueue.get(runInQueue(action)) ?? 0;
  }

  /** Includes parents that await their children. */
  liveOfRun(runId: number): number {
    return this.#liveOfRun.get(runId) ?? 0;
  }

  /** Counts a new live attempt. */
  admit({ action, takes }: Pick<Demand, "action" | "takes">): void {
    if (this.#live.has(action.id)) return;
    const name = nameOf(action.runId, action.key.action);
    const live: Live = {
      action: { runId: action.runId, queue: action.queue },
      name,
      takes,
      computes: !this.#children.has(name),
    };
    this.#live.set(action.id, live);
    this.#liveIds.set(name, action.id);
    this.#count(live, 1);
  }

  /** It was counted, but has not begun. */
  withdraw({ id }: ActionRecord): void {
    const live = this.#live.get(id);
    if (live !== undefined) this.#drop(id, live);
  }

  /** Updates the counts by a change. Returns whether it may let something start. */
  change(action: ActionRecord): boolean {
    const childrenChanged = this.#changeChildren(action);
    const live = this.#live.get(action.id);
    if (live === undefined || hasLiveAttempt(action.state)) return childrenChanged;
    this.#drop(action.id, live);
    return true;
  }

  #drop(id: number, live: Live): void {
    this.#count(live, -1);
    this.#live.delete(id);
    this.#liveIds.delete(live.name);
  }

  #changeChildren({ id, runId, parent, state }: ActionRecord): boolean {
    if (parent === undefined) return false;
    const name = nameOf(runId, parent);
    if (isTerminal(state.phase)) {
      const siblings = this.#children.get(name);
      if (siblings?.delete(id) !== true || siblings.size > 0) return false;
      this.#children.delete(name);
    } else {
      this.#childrenOf(name).add(id);
    }
    return this.#setComputes(name, !this.#children.has(name));
  }

  #childrenOf(name: string): Set<number> {
    const children = this.#children.get(name) ?? new Set();
    this.#children.set(name, children);
    return children;
  }

  /** Returns whether its slot became free. */
  #setComputes(name: string, computes: boolean): boolean {
    const live = this.#live.get(this.#liveIds.get(name) ?? -1);
    if (live === undefined || live.computes === computes) return false;
    this.#count(live, -1);
    live.computes = computes;
    this.#count(live, 1);
    return !computes;
  }

  #count({ action, takes, computes }: Live, by: 1 | -1): void {
    const { cpu, ...kept } = takes;
    const held = computes && cpu !== undefined ? { ...kept, cpu } : kept;
    this.#used = by === 1 ? sum(this.#used, held) : minus(this.#used, held);
    add(this.#liveOfRun, action.runId, by);
    if (!computes) return;
    this.#computing += by;
    add(this.#inQueue, action.queue, by);
    add(this.#ofRun, action.runId, by);
    add(this.#ofRunInQueue, runInQueue(action), by);
  }
}

function add<K>(counts: Map<K, number>, key: K, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

function nameOf(runId: number, action: string): string {
  return `${runId} ${action}`;
}

function runInQueue({ runId, queue }: Pick<ActionRecord, "runId" | "queue">): string {
  return `${runId} ${queue}`;
}
