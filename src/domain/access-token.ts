/** Access tokens: by which people and machines say who they are, and what each may do where. */
import type { TimeMs } from "./action.ts";
import { includes, type Role } from "./roles.ts";

/** A role in a part of the server. */
export interface Grant {
  readonly role: Role;
  /** Undefined: in every project. Only the role admin is granted so. */
  readonly project?: string | undefined;
  /** Undefined: in every domain of the project. */
  readonly domain?: string | undefined;
}

export interface AccessToken {
  readonly id: string;
  /** Unique among the tokens that are not revoked. */
  readonly name: string;
  /** SHA-256 of its text, as hexadecimal digits (lib/token-text.ts). */
  readonly hash: string;
  readonly grants: readonly Grant[];
  readonly createdAt: TimeMs;
  /** The user of the machine who created it, or the name of the token with which it was created. */
  readonly createdBy: string;
  readonly expiresAt?: TimeMs | undefined;
  readonly revokedAt?: TimeMs | undefined;
  /** Accurate to the hour. */
  readonly usedAt?: TimeMs | undefined;
}

export function isValid({ revokedAt, expiresAt }: AccessToken, now: TimeMs): boolean {
  return revokedAt === undefined && (expiresAt === undefined || now < expiresAt);
}

/** A part of the server: all of it, a project, or one domain of a project. */
export interface Scope {
  readonly project?: string | undefined;
  readonly domain?: string | undefined;
}

/** Whether the grant covers all of this scope. */
export function covers(grant: Grant, scope: Scope): boolean {
  if (grant.project === undefined) return true;
  if (grant.project !== scope.project) return false;
  return grant.domain === undefined || grant.domain === scope.domain;
}

export function isAdminOfAll({ role, project }: Grant): boolean {
  return role === "admin" && project === undefined;
}

export function describeGrant({ role, project, domain }: Grant): string {
  if (project === undefined) return `${role} of everything`;
  return `${role} of ${project}${domain === undefined ? "" : `/${domain}`}`;
}

/** The grants once the role in this scope is replaced; without a role, once it is removed. */
export function replaceGrant(
  grants: readonly Grant[],
  scope: Scope,
  role: Role | undefined,
): readonly Grant[] {
  const others = grants.filter(({ project, domain }) => project !== scope.project || domain !== scope.domain);
  return role === undefined ? others : [...others, { role, ...scope }];
}

/** Whether something that was granted before is not granted now. */
export function isLowered(before: readonly Grant[], now: readonly Grant[]): boolean {
  return before.some(
    (grant) => !now.some((other) => covers(other, grant) && includes(other.role, grant.role)),
  );
}
