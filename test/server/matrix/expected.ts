/**
 * Who may do what: what the matrix expects of every call, page and object. It repeats docs/roles.md and docs/security.md
 * on purpose, and asks no code of the server.
 */

export interface Place {
  readonly project: string;
  readonly domain: string;
}

/** What is asked for. A run stands for its actions, data and logs, too. */
export type Asked =
  | "read server"
  | "read projects"
  | "read project"
  | "create project"
  | "change project"
  | "create place"
  | "read place"
  | "read tasks"
  | "read task"
  | "create task"
  | "read runs"
  | "read all"
  | "create run"
  | "read run"
  | "change run"
  | "create child"
  | "read object"
  | "change object"
  | "know bucket";

/** viewer < runner < deployer < admin < owner, which is an admin of everything. */
const ROLES = ["viewer", "runner", "deployer", "admin", "owner"] as const;
export type Role = (typeof ROLES)[number];

interface Rule {
  /** The least role that a person's token needs, in the project and domain of the target. */
  readonly role: Role;
  /** Also asked of a person: that they started the run; where there is no such run, too. An owner may always. */
  readonly ofStarter?: "where it exists" | "always";
  /** A role in any project will do, or one in any domain of the project. */
  readonly anywhere?: "any project" | "any domain";
  /** For which targets a live task may: those in its own run; also those in runs that it started; what the one may who started its run. */
  readonly task: "always" | "own run" | "own and started runs" | "as its starter" | "never";
}

const RULES: Readonly<Record<Asked, Rule>> = {
  "read server": { role: "viewer", anywhere: "any project", task: "always" },
  "know bucket": { role: "viewer", anywhere: "any project", task: "always" },
  "read projects": { role: "viewer", anywhere: "any project", task: "never" },
  "read project": { role: "viewer", anywhere: "any domain", task: "never" },
  "create project": { role: "owner", task: "never" },
  "change project": { role: "admin", task: "never" },
  "read place": { role: "viewer", task: "as its starter" },
  "create place": { role: "runner", task: "as its starter" },
  "read tasks": { role: "viewer", task: "as its starter" },
  "read task": { role: "viewer", task: "as its starter" },
  "create task": { role: "deployer", task: "never" },
  "read runs": { role: "viewer", task: "never" },
  "read all": { role: "owner", task: "never" },
  "create run": { role: "runner", task: "as its starter" },
  "read run": { role: "viewer", task: "own and started runs" },
  "change run": { role: "runner", task: "own and started runs" },
  "create child": { role: "runner", ofStarter: "where it exists", task: "own run" },
  "read object": { role: "viewer", task: "own and started runs" },
  // Of a run.
  "change object": { role: "runner", ofStarter: "always", task: "own run" },
};

export type Outcome = "allowed" | "denied" | "unauthenticated";

export type Rights =
  /** Shows no valid token of a person or a live task. */
  | { readonly kind: "nobody" }
  /** Nobody has to prove who they are. */
  | { readonly kind: "everyone" }
  | {
      readonly kind: "person";
      readonly role: Role;
      /** Undefined: all of them. */
      readonly project?: string;
      readonly domain?: string;
      readonly started: readonly string[];
    }
  | {
      readonly kind: "task";
      readonly run: string;
      readonly started: readonly string[];
      readonly starter: Rights;
    };

/** `run`: its name; undefined where the target is no run, or one that does not exist. */
export interface Target extends Place {
  readonly run?: string | undefined;
}

export function expected(rights: Rights, asked: Asked, target: Target): Outcome {
  const rule = RULES[asked];
  switch (rights.kind) {
    case "nobody":
      return "unauthenticated";
    case "everyone":
      return "allowed";
    case "person":
      return personMay(rights, rule, asked, target) ? "allowed" : "denied";
    case "task":
      if (rule.task === "as its starter") return expected(rights.starter, asked, target);
      return taskMay(rights, rule, target) ? "allowed" : "denied";
  }
}

function personMay(
  person: Extract<Rights, { kind: "person" }>,
  rule: Rule,
  asked: Asked,
  target: Target,
): boolean {
  if (person.role === "owner") return true;
  if (ROLES.indexOf(person.role) < ROLES.indexOf(rule.role)) return false;
  const { run } = target;
  const isStarted = run === undefined ? rule.ofStarter !== "always" : person.started.includes(run);
  if (rule.ofStarter !== undefined && !isStarted) return false;
  if (rule.anywhere === "any project") return true;
  if (person.project !== target.project) return false;
  if (asked === "change project") return person.domain === undefined;
  return rule.anywhere === "any domain" || person.domain === undefined || person.domain === target.domain;
}

function taskMay(task: Extract<Rights, { kind: "task" }>, { task: rule }: Rule, { run }: Target): boolean {
  if (rule === "always" || run === undefined) return rule === "always";
  if (rule === "own run") return run === task.run;
  return rule === "own and started runs" && [task.run, ...task.started].includes(run);
}
