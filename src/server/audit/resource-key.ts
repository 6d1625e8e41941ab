/** What a call is about, as the audit log names it: project and domain first, with slashes between the names. */
import { actionKeyText, type ProjectKey } from "../../domain/ids.ts";
import type { Resource } from "../../services/access.ts";

export function keyOfResource(resource: Resource): string {
  switch (resource.kind) {
    case "server":
      return "";
    case "project":
      return resource.project ?? "";
    case "place":
      return scopeKey(resource.key);
    case "tasks":
    case "runs":
      return scopeKey(resource.scope);
    case "task":
      return `${scopeKey(resource.key)}/${resource.key.name}/${resource.key.version}`;
    case "run":
      return `${scopeKey(resource.key)}/${resource.key.run}`;
    case "action":
    case "child":
      return actionKeyText(resource.key);
    case "image":
      return resource.name;
    case "object":
      return resource.key;
  }
}

/** Empty for all projects. */
function scopeKey({ project, domain }: Partial<ProjectKey>): string {
  return [project, domain].filter((part) => part !== undefined).join("/");
}
