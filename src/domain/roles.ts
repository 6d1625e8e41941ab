/** What each role may do. A role has all rights of the roles before it. */
import { ownValue } from "./own-value.ts";

export const ROLES = ["viewer", "runner", "deployer", "admin"] as const;
export type Role = (typeof ROLES)[number];

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

export const RIGHTS = ["read", "create", "change"] as const;
/** `change`: to end, answer or edit what is there. */
export type Right = (typeof RIGHTS)[number];

/** What a right is about. `upload`: files and inputs that a client sends for what it is about to start or deploy. */
export type ResourceKind = "server" | "project" | "task" | "run" | "action" | "image" | "object" | "upload";

/** The least role with each right. */
const LEAST_ROLES: Readonly<Record<Exclude<Right, "read">, Readonly<Record<ResourceKind, Role>>>> = {
  create: {
    server: "admin",
    project: "admin",
    task: "deployer",
    run: "runner",
    action: "runner",
    image: "deployer",
    object: "runner",
    upload: "runner",
  },
  change: {
    server: "admin",
    project: "admin",
    task: "deployer",
    run: "runner",
    action: "runner",
    image: "deployer",
    object: "runner",
    upload: "runner",
  },
};

export function leastRole(right: Right, kind: ResourceKind): Role {
  return right === "read" ? "viewer" : (ownValue(LEAST_ROLES[right], kind) ?? "admin");
}

export function includes(role: Role, other: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(other);
}
