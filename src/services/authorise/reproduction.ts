/**
 * What the program of a reproduction may do until that ends: read what the action that it runs again may, and write below a
 * prefix of its own. It starts, ends and answers nothing: its calls of children are answered from the record
 * (services/recorded-calls.ts).
 */
import { BoxkiteError } from "../../domain/errors.ts";
import type { Principal } from "../../domain/principal.ts";
import { parseObjectUri } from "../../objects/uri.ts";
import type { ReproductionName, Reproductions } from "../../orchestrator/reproductions.ts";
import { requireRun } from "../../store/require.ts";
import type { Resource, Right } from "../access.ts";
import { createTaskRights, type AttemptRulesOptions } from "./attempt.ts";
import { denied } from "./refusals.ts";

export interface ReproductionRulesOptions extends AttemptRulesOptions {
  readonly reproductions: Pick<Reproductions, "find">;
}

export function createReproductionRules(
  options: ReproductionRulesOptions,
): (by: Principal, of: ReproductionName, right: Right, resource: Resource) => Promise<void> {
  const { store, reproductions, authorise } = options;
  const mayAsTask = createTaskRights(options);
  return async (by, { id, of }, right, resource) => {
    const reproduction = reproductions.find(id);
    if (reproduction === undefined) throw ended(of);
    const allowed = right === "read" ? await mayAsTask(of, right, resource) : writes(reproduction, resource);
    if (allowed === true) return;
    if (allowed === false)
      throw denied(`a reproduction of action ${of.action} of run ${of.run}`, right, resource, HINT);
    const { authority } = await requireRun(store, of);
    await authorise({ ...by, identity: authority }, right, resource);
  };
}

function writes({ prefix }: { readonly prefix: string }, resource: Resource): boolean {
  return resource.kind === "object" && resource.key.startsWith(`${parseObjectUri(prefix)?.key ?? ""}/`);
}

const HINT =
  "what is run again on a terminal changes nothing of the run: it reads what the action may, and writes below a prefix of its own";

function ended({ action, run }: ReproductionName["of"]): BoxkiteError {
  return new BoxkiteError(
    "UNAUTHENTICATED",
    `this reproduction of action ${action} of run ${run} has ended, and its token with it`,
    { hint: `begin another one: boxkite reproduce ${run}/${action}` },
  );
}
