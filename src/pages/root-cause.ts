/** Why a run failed: from its root down to the action whose error the others only passed on. */
import type { ActionError } from "../domain/action.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import type { StoreReader } from "../store/reader.ts";
import { fullLine } from "./waiting.ts";

export interface RootCause {
  /** From the root; the last one is the cause. */
  readonly path: readonly [ActionRecord, ...ActionRecord[]];
  /** A child of the cause that failed before it with another error, the last one: it may be why. */
  readonly before: ActionRecord | undefined;
}

/** Children of one action that are read, those that ended first: they end what awaits all of them. */
const MAX_CHILDREN = 50;
const MAX_DEPTH = 50;
/** Shorter messages are found within others by chance. */
const MIN_PART = 8;

export async function rootCause(
  store: Pick<StoreReader, "failedChildren">,
  root: ActionRecord,
): Promise<RootCause> {
  const path: [ActionRecord, ...ActionRecord[]] = [root];
  for (let cause = root; ;) {
    const failed = await store.failedChildren(cause, MAX_CHILDREN);
    const child = failed.find(({ state }) => isPassedOn(state.error, cause.state.error));
    if (child === undefined || path.length === MAX_DEPTH) return { path, before: failed.at(-1) };
    path.push(child);
    cause = child;
  }
}

/**
 * Is the error of a parent that of its child? The SDKs raise it in the parent with the child's message, and an author
 * may wrap it; below the first line there may be stack frames, which differ.
 */
function isPassedOn(child: ActionError | undefined, parent: ActionError | undefined): boolean {
  if (child === undefined || parent === undefined) return false;
  const line = fullLine(child.message);
  if (line === fullLine(parent.message) && ownCode(child) === ownCode(parent)) return true;
  return line.length >= MIN_PART && parent.message.includes(line);
}

/** The part after the last bar is the task's own. */
function ownCode({ code }: ActionError): string | undefined {
  return code.split("|").at(-1);
}
