/** The bytes that each project stores: beyond them nothing new is accepted that stores more. */
import { BoxkiteError } from "../domain/errors.ts";
import type { StoredBytes } from "../objects/stored-bytes.ts";
import type { Authorise, Resource } from "./access.ts";

const GIB = 1024 ** 3;

/**
 * Authorises as `authorise` does, and refuses what creates objects, runs or tasks in a project that has reached its quota.
 * Throws QUOTA_EXCEEDED. The object that reaches it is stored whole.
 */
export function limitStorage(authorise: Authorise, bytes: Pick<StoredBytes, "of">, most: number): Authorise {
  return async (by, right, resource) => {
    await authorise(by, right, resource);
    const project = right === "create" ? projectOf(resource) : undefined;
    if (project === undefined || bytes.of(project) < most) return;
    throw new BoxkiteError(
      "QUOTA_EXCEEDED",
      `project ${project} stores ${most / GIB} GiB or more, which is its quota`,
      { hint: "remove objects of the project, or raise quotas: stored-gib in the server's settings file" },
    );
  };
}

function projectOf(resource: Resource): string | undefined {
  if (resource.kind === "place") return resource.key.project;
  return resource.kind === "object" ? resource.key.split("/", 1)[0] : undefined;
}
