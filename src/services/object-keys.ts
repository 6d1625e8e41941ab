/** Object URIs that clients send. */
import { BoxkiteError } from "../domain/errors.ts";
import { isDomain, type ProjectKey } from "../domain/ids.ts";
import type { Principal } from "../domain/principal.ts";
import { quoted } from "../domain/text.ts";
import { parseObjectUri } from "../objects/uri.ts";
import { NAMED_UPLOADS, SERVER_FOLDERS } from "../orchestrator/paths.ts";
import type { ServiceContext } from "./context.ts";

/** The key behind a URI. Throws INVALID_ARGUMENT for a URI of another store. */
export function keyOfUri(uri: string, bucket: string): string {
  const parsed = parseObjectUri(uri);
  if (parsed === undefined || parsed.bucket !== bucket || parsed.key === "") {
    throw new BoxkiteError("INVALID_ARGUMENT", `${JSON.stringify(uri)} is not an object of this server`, {
      hint: `its objects are called s3://${bucket}/…`,
    });
  }
  return parsed.key;
}

type Needs = Pick<ServiceContext, "access" | "store" | "bucket">;

/**
 * Asks for objects that a run is given to read: nobody gives what they may not read themselves. Those of other
 * stores are not ours to give.
 */
export async function authoriseReads(
  { access, bucket }: Pick<Needs, "access" | "bucket">,
  by: Principal,
  uris: readonly string[],
): Promise<void> {
  for (const uri of uris) {
    const object = parseObjectUri(uri);
    if (object?.bucket === bucket) await access.authorise(by, "read", { kind: "object", key: object.key });
  }
}

/**
 * The same for the code that a task names, which is an object of the project and domain in which the task is or runs.
 * What lies elsewhere has to be the very object that a task names which is deployed there, or has run: it may be run again
 * here. Throws INVALID_ARGUMENT.
 */
export async function authoriseCode(
  context: Needs,
  by: Principal,
  scope: ProjectKey,
  uris: readonly string[],
): Promise<void> {
  await authoriseReads(context, by, uris);
  for (const uri of uris) {
    const object = parseObjectUri(uri);
    if (object?.bucket !== context.bucket || isObjectIn(scope, object.key)) continue;
    if (!uri.endsWith("/") && (await context.store.isNamedByTask(uri))) continue;
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `the task names ${quoted(uri)} as its code, which is no object of ${scope.project}/${scope.domain}, and no other task has it`,
      {
        hint: `upload the code to ${scope.project}/${scope.domain}, or deploy or run the task whose code it is where it is`,
      },
    );
  }
}

function isObjectIn({ project, domain }: ProjectKey, key: string): boolean {
  return key.startsWith(`${project}/${domain}/`) && !key.endsWith("/");
}

/**
 * Those of the URIs that are granted to a run because its inputs name them. A folder with the objects of many runs (a
 * project, a domain, what the server keeps in it) is nobody's input.
 */
export async function grantable(
  { store, bucket }: Pick<Needs, "store" | "bucket">,
  uris: readonly string[],
): Promise<string[]> {
  const allowed = await Promise.all(
    uris.map(async (uri) => {
      const object = parseObjectUri(uri);
      if (object?.bucket !== bucket || !uri.endsWith("/")) return true;
      const [project = "", domain, folder, ...more] = object.key.replace(/\/+$/u, "").split("/");
      const isWide = domain === undefined || (isDomain(domain) && holdsManyRuns(folder, more));
      return !isWide || (await store.getProject(project)) === undefined;
    }),
  );
  return uris.filter((_, index) => allowed[index]);
}

function holdsManyRuns(folder: string | undefined, more: readonly string[]): boolean {
  if (folder === undefined) return true;
  if (!SERVER_FOLDERS.includes(folder)) return false;
  return more.length === 0 || (more.length === 1 && more[0] === NAMED_UPLOADS);
}

/** As `keyOfUri`, for one object and no prefix. */
export function objectKeyOf(uri: string, bucket: string): string {
  const key = keyOfUri(uri, bucket);
  if (!key.endsWith("/")) return key;
  throw new BoxkiteError("INVALID_ARGUMENT", `${quoted(uri)} is a prefix and no object`, {
    hint: "name one object",
  });
}
