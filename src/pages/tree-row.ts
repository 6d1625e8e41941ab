/** What the tree knows of an action. Short, because a run may have thousands of them. */
import type { ActionRecord } from "../domain/action-record.ts";

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
  readonly to?: number | undefined;
}

export function treeRow({ id, key, parent, group, displayName, kind, state }: ActionRecord): TreeRow {
  return {
    id,
    name: key.action,
    parent,
    group: group || undefined,
    label: displayName || key.action,
    kind,
    phase: state.phase,
    from: state.startedAt ?? state.createdAt,
    to: state.endedAt,
  };
}
