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
  const { registry, repository } = parseTarget(target);
  if (registry === undefined) return;
  const { projects, repositories = new Map() } = registries.get(registry) ?? {};
  const named = longestOf(repositories.keys(), repository);
  if (isOpen(run, named === undefined ? projects : repositories.get(named))) return;
  const setting = named === undefined ? registry : `${registry}/${named}`;
  throw denied(run, `may not push ${target} with the server's credentials`, `registries: ${setting}`);
}

/** The longest name that is the repository's, or a folder that it is in. */
function longestOf(names: Iterable<string>, repository: string): string | undefined {
  return [...names]
    .filter((name) => `${repository}/`.startsWith(`${name}/`))
    .toSorted((a, b) => b.length - a.length)[0];
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
