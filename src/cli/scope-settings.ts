/** The section `secrets` of the settings file, and the lists `projects` in it and in `registries`. */
import { secretVariable } from "../builds/secret-variable.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { DOMAINS } from "../domain/ids.ts";
import type { ProjectScope } from "../domain/project-scope.ts";
import { mappingOf, refuseUnknown } from "./setting-values.ts";

/** By the variable that holds the secret: several spellings of a secret's name mean the same one. */
export type SecretScopes = ReadonlyMap<string, ProjectScope>;

/** Throws CONFIG_INVALID naming the setting. */
export function readSecrets(value: unknown): SecretScopes {
  const scopes = new Map<string, ProjectScope>();
  for (const [name, settings] of Object.entries(mappingOf(value, "secrets"))) {
    const what = `secrets: ${name}`;
    const secret = mappingOf(settings, what);
    refuseUnknown(secret, ["projects"], what);
    const variable = secretVariable({ group: "", key: name });
    if (scopes.has(variable)) throw new BoxkiteError("CONFIG_INVALID", `secrets names ${name} twice`);
    scopes.set(variable, readScope(secret["projects"], `${what}: projects`));
  }
  return scopes;
}

/** Throws CONFIG_INVALID naming the setting. */
export function readScope(value: unknown, what: string): ProjectScope {
  const domains = DOMAINS.join("|");
  const form = new RegExp(`^(\\*|[a-z0-9][a-z0-9_-]*(/(${domains}))?)$`);
  const isEntry = (entry: unknown) => typeof entry === "string" && form.test(entry);
  if (Array.isArray(value) && value.length > 0 && value.every(isEntry)) return value as string[];
  throw new BoxkiteError("CONFIG_INVALID", `${what} is ${JSON.stringify(value) ?? "not set"}`, {
    hint: `it must be a list of PROJECT, PROJECT/DOMAIN or "*", with a domain of ${DOMAINS.join(", ")}`,
  });
}
