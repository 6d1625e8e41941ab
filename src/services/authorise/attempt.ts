/**
 * What a task may do while its attempt lives: make children, and read, answer and end what is in its run and in the runs
 * that it started, directly or by them. It reads and starts what the one may who started its run. Nothing else.
 */
import type { AttemptKey } from "../../domain/attempt.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { RunKey } from "../../domain/ids.ts";
import type { Principal } from "../../domain/principal.ts";
import type { ObjectRights } from "../../orchestrator/object-rights.ts";
import type { StoreReader } from "../../store/reader.ts";
import { requireRun } from "../../store/require.ts";
import type { Authorise, Resource, Right } from "../access.ts";
import { denied } from "./refusals.ts";

export interface AttemptRulesOptions {
  readonly store: StoreReader;
  readonly rights: ObjectRights;
  /** For the one who started the run. */
  readonly authorise: Authorise;
}

type AttemptRules = (by: Principal, attempt: AttemptKey, right: Right, resource: Resource) => Promise<void>;

/** What a task may do itself; undefined where the one who started its run decides. */
export function createTaskRights({
  store,
  rights,
}: Pick<AttemptRulesOptions, "store" | "rights">): (
  attempt: AttemptKey,
  right: Right,
  resource: Resource,
) => Promise<boolean | undefined> {
  const isOwnRun = async (attempt: AttemptKey, run: RunKey) =>
    isSameRun(attempt, run) || (await store.isStartedBy(run, attempt));

  return async (attempt, right, resource) => {
    switch (resource.kind) {
      case "server":
        return right === "read";
      case "child":
        return isSameRun(attempt, resource.key) && resource.parent === attempt.action;
      case "action":
        return right !== "create" && (await isOwnRun(attempt, resource.key));
      case "run":
        return right === "create" ? undefined : isOwnRun(attempt, resource.key);
      case "object":
        return right === "read" ? rights.mayRead(attempt, resource.key) : rights.owns(attempt, resource.key);
      case "place":
        return undefined;
      case "task":
      case "tasks":
      case "image":
        return right === "read" ? undefined : false;
      case "project":
      case "runs":
        return false;
    }
  };
}

export function createAttemptRules(options: AttemptRulesOptions): AttemptRules {
  const { store, authorise } = options;
  const mayItself = createTaskRights(options);
  return async (by, attempt, right, resource) => {
    if (!(await store.isLive(attempt))) throw ended(attempt);
    const allowed = await mayItself(attempt, right, resource);
    if (allowed === true) return;
    if (allowed === false) throw denied(`a task of run ${attempt.run}`, right, resource, HINT);
    const { authority } = await requireRun(store, attempt);
    await authorise({ ...by, identity: authority }, right, resource);
  };
}

function isSameRun(a: RunKey, b: RunKey): boolean {
  return a.run === b.run && a.project === b.project && a.domain === b.domain;
}

const HINT =
  "a task may call for its own run and for the runs that it starts; what else it needs is passed to it as an input";

function ended({ attempt, action, run }: AttemptKey): BoxkiteError {
  return new BoxkiteError(
    "UNAUTHENTICATED",
    `attempt ${attempt} of action ${action} of run ${run} does not run, and its token is valid only while it does`,
    { hint: "call the server from the task itself, before it returns" },
  );
}
