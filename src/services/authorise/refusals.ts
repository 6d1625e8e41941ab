/** What a caller reads who may not do what they asked for. */
import { BoxkiteError } from "../../domain/errors.ts";
import type { ProjectKey } from "../../domain/ids.ts";
import type { Identity } from "../../domain/principal.ts";
import type { Resource, Right } from "../access.ts";

export function unauthenticated({
  why,
  hint,
}: Pick<Extract<Identity, { kind: "stranger" }>, "why" | "hint">): BoxkiteError {
  return new BoxkiteError("UNAUTHENTICATED", why, { hint });
}

/** `who`: as the subject of a sentence. */
export function denied(who: string, right: Right, resource: Resource, hint: string): BoxkiteError {
  return new BoxkiteError("PERMISSION_DENIED", `${who} may not ${right} ${described(resource)}`, { hint });
}

function described(resource: Resource): string {
  switch (resource.kind) {
    case "server":
      return "what belongs to no project";
    case "project":
      return resource.project === undefined ? "the list of projects" : `project ${resource.project}`;
    case "place":
      return `anything in ${scopeText(resource.key)}`;
    case "tasks":
    case "runs":
      return `the list of ${resource.kind} of ${scopeText(resource.scope)}`;
    case "task":
      return `task ${resource.key.name} of ${scopeText(resource.key)}`;
    case "run":
      return `run ${resource.key.run} of ${scopeText(resource.key)}`;
    case "action":
      return `action ${resource.key.action} of run ${resource.key.run} of ${scopeText(resource.key)}`;
    case "child":
      return `a child of action ${resource.parent} of run ${resource.key.run} of ${scopeText(resource.key)}`;
    case "image":
      return `the build of image ${resource.name}`;
    case "object":
      return `object ${resource.key}`;
  }
}

function scopeText({ project, domain }: Partial<ProjectKey>): string {
  if (project === undefined) return "all projects";
  return domain === undefined ? `project ${project}` : `${project}/${domain}`;
}
