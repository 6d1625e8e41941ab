/**
 * A store some of whose commits become visible late, after others that got higher numbers: as those of a
 * database with several writers do. It keeps the promise that such a store has to keep: while a commit may still
 * appear, no cursor over many runs goes past it.
 */
import type { ActionRecord } from "../../src/domain/action-record.ts";
import type { OnChange } from "../../src/store/reader.ts";
import type { Store } from "../../src/store/store.ts";

export interface LateCommits {
  readonly store: Store;
  /** What is written of this run from now on is not visible until the result is called. */
  readonly late: (run: string) => () => void;
}

export function withLateCommits(inner: Store): LateCommits {
  const late = new Set<string>();
  const listeners = new Set<OnChange>();
  let hidden: ActionRecord[] = [];
  inner.onChange((changed) => {
    for (const action of changed) {
      if (late.has(action.key.run)) hidden.push(action);
      else for (const listener of listeners) listener([action]);
    }
  });
  const store: Store = {
    ...inner,
    getRun: async (key) => (late.has(key.run) ? undefined : inner.getRun(key)),
    changedRuns: async (scope, after, limit) => {
      const { items } = await inner.changedRuns(scope, after, limit + late.size);
      const visible = items.filter(({ run }) => !late.has(run.key.run));
      if (visible.length === items.length) return inner.changedRuns(scope, after, limit);
      return { items: visible.slice(0, limit), cursor: after };
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  return {
    store,
    late: (run) => {
      late.add(run);
      return () => {
        late.delete(run);
        const released = hidden.filter(({ key }) => key.run === run);
        hidden = hidden.filter((action) => !released.includes(action));
        for (const listener of listeners) listener(released);
      };
    },
  };
}
