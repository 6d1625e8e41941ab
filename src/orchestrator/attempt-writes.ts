/**
 * What an attempt may write among the objects of its run. It writes below its own prefixes, and the inputs of its
 * children and the inputs and results of its traces, which stand beside them (seen with flyte 2.12.1 and with our
 * runtime). The results of other attempts are theirs: cache hits and parents rely on them.
 */
import type { AttemptKey } from "../domain/attempt.ts";
import { objectUri } from "../objects/uri.ts";
import type { StoreReader } from "../store/reader.ts";
import { rawDataPrefix, runBaseUri } from "./paths.ts";

export type MayWrite = (attempt: AttemptKey, key: string) => Promise<boolean>;

/** Says only what is not another's: whether it is the run's at all is a question for object-rights.ts. */
export function createAttemptWrites(
  store: Pick<StoreReader, "getAction" | "getRun">,
  bucket: string,
): MayWrite {
  return async (attempt, key) => {
    const uri = objectUri(bucket, key);
    const base = `${runBaseUri(bucket, attempt)}/`;
    if (uri.startsWith(base)) {
      const [action = "", part, ...more] = uri.slice(base.length).split("/");
      if (part === undefined) return true;
      if (/^\d+$/u.test(part))
        return action === attempt.action && part === String(attempt.attempt) && more.length > 0;
      const found = await store.getAction({ ...attempt, action });
      return found === undefined || found.parent === attempt.action;
    }
    const run = await store.getRun(attempt);
    const prefix = run?.settings.rawDataPrefix;
    if (prefix === undefined || !uri.startsWith(`${prefix}/`)) return true;
    return uri.startsWith(`${rawDataPrefix(prefix, attempt, attempt.attempt)}/`);
  };
}
