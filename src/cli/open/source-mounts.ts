/**
 * What of a source directory is mounted, entry by entry. The directory is no more trusted than the task, which may have made
 * links in it: an engine follows them, so each path is resolved, and has to lie below the directory.
 */
import { readdir, realpath } from "node:fs/promises";
import { join, posix, sep } from "node:path";
import { BoxkiteError } from "../../domain/errors.ts";
import { errnoOf } from "../../lib/errno.ts";
import type { SourceMount } from "./reproduction-container.ts";

/** Engines take long for more. */
const MOST_MOUNTS = 500;

export interface SourceMountsOptions {
  readonly directory: string;
  /** In the container. */
  readonly target: string;
  /** Names directly in the directory that are not mounted. */
  readonly without: readonly string[];
  /** Whether a directory of this path in the container has other files, too: then it is mounted file by file. */
  readonly isShared: (path: string) => Promise<boolean>;
}

/** Throws LIMIT_EXCEEDED, and CONFIG_INVALID where a link leads out of the directory. Links that lead to nothing are left out. */
export async function sourceMounts(options: SourceMountsOptions): Promise<readonly SourceMount[]> {
  const { directory, without, isShared } = options;
  const root = await realpath(directory);
  const mounts: SourceMount[] = [];
  const add = async (folder: string, at: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (folder === root && without.includes(entry.name)) continue;
      const [path, target] = [join(folder, entry.name), posix.join(at, entry.name)];
      const source = await resolved(path);
      if (source === undefined) continue;
      if (!source.startsWith(root + sep)) throw outside(path, source);
      if (entry.isDirectory() && (await isShared(target))) await add(source, target);
      else mounts.push({ source, target });
      if (mounts.length > MOST_MOUNTS)
        throw new BoxkiteError("LIMIT_EXCEEDED", `the source would need more than ${MOST_MOUNTS} mounts`, {
          hint: "leave it out: --no-source",
        });
    }
  };
  await add(root, options.target);
  return mounts;
}

/** Undefined for a link that leads to nothing, as editors make them for locks. */
async function resolved(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (["ENOENT", "ELOOP", "ENOTDIR"].includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
}

function outside(path: string, source: string): BoxkiteError {
  return new BoxkiteError(
    "CONFIG_INVALID",
    `${path} is a link to ${source}, outside of the source directory`,
    {
      hint: "remove the link, or leave the source out: --no-source",
    },
  );
}
