/** What a build may use of the server: its build secrets, and its right to push to a registry. */
import { secretVariable } from "../builds/secret-variable.ts";
import { parseTarget } from "../builds/target.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { isInScope, type ProjectScope } from "../domain/project-scope.ts";
import type { RunRecord } from "../domain/run.ts";
import { secretId, type SecretMount } from "../images/image-spec.ts";
import type { Registries } from "../images/registry/registries.ts";

/** From the settings file. */
export interface BuildScopes {
  /** By the variable that holds the secret. */
  readonly secrets: ReadonlyMap<string, ProjectScope>;
  readonly registries: Registries;
}

type Asking = Pick<RunRecord, "key" | "authority">;

/** Whether projects are separated for this run: whoever started it had to prove who they are. */
export function isSeparated({ authority }: Pick<RunRecord, "authority">): boolean {
  return authority.kind !== "everyone";
}

/** Throws PERMISSION_DENIED. */
export function requireSecretFor(run: Asking, secret: SecretMount, { secrets }: BuildScopes): void {
  if (isOpen(run, secrets.get(secretVariable(secret)))) return;
  throw denied(run, `may not use the secret ${secretId(secret)} in builds`, `secrets: ${secretId(secret)}`);
}

/** Of the image's name, as it was asked for. Throws PERMISSION_DENIED. */
export function requirePushFor(run: Asking, target: string, { registries }: BuildScopes): void {
  const { registry } = parseTarget(target);
  if (registry === undefined || isOpen(run, registries.get(registry)?.projects)) return;
  throw denied(run, `may not push ${target} with the server's credentials`, `registries: ${registry}`);
}

/** What the settings say holds for everybody; what they do not mention is open where callers are not told apart. */
function isOpen(run: Asking, scope: ProjectScope | undefined): boolean {
  return scope === undefined ? !isSeparated(run) : isInScope(scope, run.key);
}

function denied({ key }: Asking, what: string, setting: string): BoxkiteError {
  return new BoxkiteError("PERMISSION_DENIED", `project ${key.project}, domain ${key.domain}, ${what}`, {
    hint: `the operator of the server allows it in its settings file: ${setting}: projects: [${key.project}/${key.domain}]`,
  });
}
