/** What each role may do. A role has all rights of the roles before it. */

export const ROLES = ["viewer", "runner", "deployer", "admin"] as const;
export type Role = (typeof ROLES)[number];

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

export const RIGHTS = ["read", "create", "change"] as const;
/** `change`: to end, answer or edit what is there. */
export type Right = (typeof RIGHTS)[number];

/** What a right is about: services/access.ts. */
export type ResourceKind =
  | "server"
  | "project"
  | "place"
  | "tasks"
  | "runs"
  | "task"
  | "run"
  | "action"
  | "child"
  | "image"
  | "object";

/** The least role that may make, end, answer or edit it. */
const LEAST_ROLES: Readonly<Record<ResourceKind, Role>> = {
  server: "admin",
  project: "admin",
  // Files and inputs that a client sends for what it is about to start or deploy.
  place: "runner",
  tasks: "deployer",
  runs: "runner",
  task: "deployer",
  run: "runner",
  action: "runner",
  child: "runner",
  image: "runner",
  object: "runner",
};

export function leastRole(right: Right, kind: ResourceKind): Role {
  return right === "read" ? "viewer" : LEAST_ROLES[kind];
}

export function includes(role: Role, other: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(other);
}
