/** What a person or a machine may do with a token: what its roles say, in the projects and domains that it has them in. */
import {
  covers,
  describeGrant,
  type AccessToken,
  type Grant,
  type Scope,
} from "../../domain/access-token.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { Principal } from "../../domain/principal.ts";
import { includes, leastRole } from "../../domain/roles.ts";
import { OWN_PROJECT, type Resource, type Right } from "../access.ts";
import { denied } from "./refusals.ts";

/** Reads what tokens may do now: that changes while they are used. */
export interface TokenReader {
  /** Undefined for a token that is not valid. */
  find(id: string): Promise<Pick<AccessToken, "name" | "grants"> | undefined>;
}

/** Where nobody has a token. */
export const NO_TOKENS: TokenReader = { find: async () => undefined };

/** Throws UNAUTHENTICATED for a token that is not valid, and PERMISSION_DENIED. */
export async function authoriseToken(
  tokens: TokenReader,
  id: string,
  right: Right,
  resource: Resource,
): Promise<void> {
  const token = await tokens.find(id);
  if (token === undefined)
    throw new BoxkiteError("UNAUTHENTICATED", "the token has expired or was revoked", {
      hint: "ask the operator of the server for another one: boxkite token create",
    });
  const { name, grants } = token;
  const role = leastRole(right, resource.kind);
  if (grants.some((grant) => includes(grant.role, role) && reaches(grant, right, resource))) return;
  const has = grants.map(describeGrant).join(", ") || "nothing";
  const hint = `that needs the role ${role} there, and the token is ${has}; the operator of the server changes it: boxkite token grant ${name} --role ${role}`;
  throw denied(`token ${name}`, right, resource, hint);
}

/** Whether the grant is for the part of the server that the resource is in. */
function reaches(grant: Grant, right: Right, resource: Resource): boolean {
  const scope = scopeOf(right, resource);
  if (scope === undefined || isBuildTask(right, resource)) return true;
  // A project's record is read with a role in one of its domains.
  if (resource.kind === "project" && right === "read") return covers({ ...grant, domain: undefined }, scope);
  return covers(grant, scope);
}

/** Everybody may read the task that builds images, to run it in a project of their own; only the task. */
function isBuildTask(right: Right, resource: Resource): boolean {
  if (right !== "read") return false;
  if (resource.kind === "tasks") return resource.scope.project === OWN_PROJECT;
  return resource.kind === "task" && resource.key.project === OWN_PROJECT;
}

/** Undefined: in no project. */
function scopeOf(right: Right, resource: Resource): Scope | undefined {
  switch (resource.kind) {
    case "image":
      return undefined;
    case "server":
      return right === "read" ? undefined : {};
    case "project":
      // The list of all has those that the token may see: visibleProjects.
      return right === "read" && resource.project === undefined ? undefined : { project: resource.project };
    case "tasks":
    case "runs":
      return resource.scope;
    case "object": {
      const [project, domain] = resource.key.split("/");
      return { project, domain };
    }
    case "place":
    case "task":
    case "run":
    case "action":
    case "child":
      return resource.key;
  }
}

/** The projects that the caller may see in a list of all; undefined: every one. */
export async function visibleProjects(
  tokens: TokenReader,
  { identity }: Principal,
): Promise<readonly string[] | undefined> {
  if (identity.kind !== "token") return undefined;
  const projects = ((await tokens.find(identity.id))?.grants ?? []).map(({ project }) => project);
  return projects.includes(undefined) ? undefined : projects.filter((project) => project !== undefined);
}
