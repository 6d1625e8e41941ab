/** Who calls at the listener of task containers: a task that shows its token, and nobody else. */
import type { Identity } from "../domain/principal.ts";
import type { AccessKeyKind } from "../orchestrator/access-keys.ts";
import { CONNECT_IN_TASK } from "./authenticate.ts";
import type { People } from "./people.ts";

/** Keys whose signatures are taken there. A link was signed for one object, and names its signer. */
export const KEYS_OF_TASKS: readonly AccessKeyKind[] = ["attempt", "reproduction", "link"];

const NO_TASK: Identity = {
  kind: "stranger",
  why: "this port is for task containers, and the call has no token of a task",
  hint: `${CONNECT_IN_TASK}; people use the port that boxkite up shows as its endpoint`,
};

export const TASKS_ONLY: Pick<People, "identify" | "nobody"> = {
  // A token of somebody else is in vain, too.
  identify: (_, { pathToken }) =>
    pathToken === undefined ? undefined : Promise.resolve({ identity: NO_TASK }),
  nobody: NO_TASK,
};
