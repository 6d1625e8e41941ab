/** Which projects a setting is for, as the settings file says it: `team-a`, `team-a/production`, or `*` for all. */
import type { ProjectKey } from "./ids.ts";

export type ProjectScope = readonly string[];

export function isInScope(scope: ProjectScope, { project, domain }: ProjectKey): boolean {
  return ["*", project, `${project}/${domain}`].some((entry) => scope.includes(entry));
}
