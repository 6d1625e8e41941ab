/**
 * Names of images belong to the project and domain whose build made them first. Another one may build the same name
 * from the same specification and files, as the content hash in the SDK's tags makes usual; it then shares the image.
 */
import type { BuildRecord } from "../domain/build-record.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { ProjectKey } from "../domain/ids.ts";

/** The operator of the server, who may replace every name, has no project. */
export type BuildOwner = ProjectKey | undefined;

/** Whether the image was made by, or is shared with, this project and domain. */
export function mayUse({ owner, users = [] }: BuildRecord, by: BuildOwner): boolean {
  return by === undefined || owner === undefined || [owner, ...users].some((one) => isSame(one, by));
}

/** Throws PERMISSION_DENIED where the name is that of another project's image of other content. */
export function requireReplaceable(known: BuildRecord | undefined, by: BuildOwner, recipe: string): void {
  if (known?.owner === undefined || by === undefined) return;
  if (isSame(known.owner, by) || known.recipeDigest === recipe) return;
  throw new BoxkiteError(
    "PERMISSION_DENIED",
    `${known.target} belongs to ${text(known.owner)}, which built another image under this name`,
    { hint: `give your image another name (name= of flyte.Image), or build it in ${text(known.owner)}` },
  );
}

/** Throws PERMISSION_DENIED where the base of a build is an image of another project. */
export function requireUsable(base: BuildRecord | undefined, by: BuildOwner): void {
  if (base?.owner === undefined || mayUse(base, by)) return;
  throw new BoxkiteError("PERMISSION_DENIED", `base image ${base.target} belongs to ${text(base.owner)}`, {
    hint: `have ${base.owner.project} push it to a registry of which you may pull, and name it there`,
  });
}

/** Owner and users of a record that replaces, or answers for, another of the same name. */
export function ownershipAfter(
  known: BuildRecord | undefined,
  by: BuildOwner,
): Pick<BuildRecord, "owner" | "users"> {
  const owner = known?.owner ?? by;
  const users = known?.users ?? [];
  const isKnown = by === undefined || [owner, ...users].some((one) => one !== undefined && isSame(one, by));
  return { ...(owner !== undefined && { owner }), users: isKnown ? users : [...users, by] };
}

function isSame(a: ProjectKey, b: ProjectKey): boolean {
  return a.project === b.project && a.domain === b.domain;
}

function text({ project, domain }: ProjectKey): string {
  return `${project}/${domain}`;
}
