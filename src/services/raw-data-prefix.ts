/** Where a run may have its tasks put the contents of files: in a folder of its own project and domain. */
import { BoxkiteError } from "../domain/errors.ts";
import type { ProjectKey } from "../domain/ids.ts";
import { quoted } from "../domain/text.ts";
import { objectUri, parseObjectUri } from "../objects/uri.ts";
import { SERVER_FOLDERS } from "../orchestrator/paths.ts";

/** A segment of a key that every tool takes as it is: no `.` or `..`, no escapes, no control characters. */
const SEGMENT = /^(?!\.+$)[\w.=-]+$/u;
/** In characters: what a task appends has to fit into the longest key, too. */
const LONGEST = 512;

/**
 * The URI, without a slash at its end. The folders of the server's own are not for it, and the name `runs` is kept for
 * what follows: each run has the folder `runs/<run>` in it. Throws INVALID_ARGUMENT.
 */
export function checkRawDataPrefix(bucket: string, scope: ProjectKey, uri: string): string {
  const object = parseObjectUri(uri);
  const key = object?.bucket === bucket ? object.key.replace(/\/$/u, "") : "";
  const [project, domain, ...folders] = key.split("/");
  const [first = "runs"] = folders;
  const isOwn = project === scope.project && domain === scope.domain && !SERVER_FOLDERS.includes(first);
  const isPlain = folders.every((segment) => SEGMENT.test(segment) && segment !== "runs");
  if (isOwn && isPlain && key.length <= LONGEST) return objectUri(bucket, key);
  throw new BoxkiteError("INVALID_ARGUMENT", `the run cannot put its raw data in ${quoted(uri)}`, {
    hint: `use a folder of the run's own project and domain, s3://${bucket}/${scope.project}/${scope.domain}/FOLDER, other than ${SERVER_FOLDERS.join(", ")}, of letters, digits and . _ - =`,
  });
}
