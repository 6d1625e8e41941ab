/** What the tree knows of an action. Short, because a run may have thousands of them. */
import type { ActionRecord } from "../domain/action-record.ts";
import { startedAt } from "./action-times.ts";

export interface TreeRow {
  /** In the order in which they were accepted. */
  readonly id: number;
  readonly name: string;
  readonly parent?: string | undefined;
  readonly group?: string | undefined;
  readonly label: string;
  readonly kind: string;
  readonly phase: string;
  readonly from: number;
  /** It has not started, or never did: it has no duration. */
  readonly waits?: true | undefined;
  readonly to?: number | undefined;
}

export function treeRow({ id, key, parent, group, displayName, kind, state }: ActionRecord): TreeRow {
  const started = startedAt({ kind, state });
  return {
    id,
    name: key.action,
    parent,
    group: group || undefined,
    label: displayName || key.action,
    kind,
    phase: state.phase,
    from: started ?? state.createdAt,
    waits: started === undefined || undefined,
    to: state.endedAt,
  };
}
