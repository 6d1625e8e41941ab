/** What the tree knows of an action. Short, because a run may have thousands of them. */
import type { ActionRecord } from "../domain/action-record.ts";
import { startedAt } from "./action-times.ts";
import { questionText } from "./condition-form.ts";
import { firstLine } from "./waiting.ts";

export interface TreeRow {
  /** In the order in which they were accepted. */
  readonly id: number;
  readonly name: string;
  readonly parent?: string | undefined;
  readonly group?: string | undefined;
  readonly label: string;
  /** What kind of action it is, unless a task; how many attempts it had, if several; whether its result was cached. */
  readonly tags?: readonly string[] | undefined;
  /** Of a condition: its question. */
  readonly asks?: string | undefined;
  /** Whether it may have inputs to be read (row-inputs.ts). */
  readonly hasInputs?: true | undefined;
  readonly phase: string;
  readonly from: number;
  /** It has not started, or never did: it has no duration. */
  readonly waits?: true | undefined;
  readonly to?: number | undefined;
}

export function treeRow(action: ActionRecord): TreeRow {
  const { id, key, parent, group, displayName, kind, state } = action;
  const started = startedAt(action);
  const tags = tagsOf(action);
  return {
    id,
    name: key.action,
    parent,
    group: group || undefined,
    label: displayName || key.action,
    tags: tags.length > 0 ? tags : undefined,
    asks: kind === "condition" ? firstLine(questionText(action)) : undefined,
    hasInputs: (kind !== "condition" && action.inputUri !== "") || undefined,
    phase: state.phase,
    from: started ?? state.createdAt,
    waits: started === undefined || undefined,
    to: state.endedAt,
  };
}

function tagsOf({ kind, state }: ActionRecord): string[] {
  return [
    ...(kind === "task" ? [] : [kind]),
    ...(state.cacheStatus === "hit" ? ["cached"] : []),
    ...(state.attempt > 1 ? [`${state.attempt} attempts`] : []),
  ];
}
