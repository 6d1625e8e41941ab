/**
 * Where Node keeps what it compiled, so that the next start does not. A process runs what it finds there: the directory is
 * one that no other user of the machine can write or have made first, or there is none.
 */
import { lstatSync, mkdirSync, statSync, type Stats } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { errnoOf } from "./errno.ts";

const THIS_USER = process.getuid?.();

/** The user's own directory for caches, made where it is missing. */
export function compiledCodeDirectory(env: NodeJS.ProcessEnv, user = THIS_USER): string | undefined {
  const { XDG_CACHE_HOME: caches = "", HOME: home = "" } = env;
  if (isAbsolute(caches)) return directoryIn(caches, ["boxkite", "compiled"], user);
  return isAbsolute(home) ? directoryIn(home, [".cache", "boxkite", "compiled"], user) : undefined;
}

/** For a program whose HOME is none, or does not last: one below the directory for temporary files, which all may write. */
export function temporaryCompiledCode(user = THIS_USER): string | undefined {
  if (user === undefined) return undefined;
  return unlessRefused(() => ownDirectory(join(tmpdir(), `boxkite-compiled-${user}`), user, lstatSync));
}

function directoryIn(base: string, parts: readonly string[], user: number | undefined): string | undefined {
  return unlessRefused(() => {
    if (!isOwn(statSync(base), user)) return undefined;
    let directory: string | undefined = base;
    for (const part of parts) {
      // Its parent is this user's alone, and so are links in it.
      directory = ownDirectory(join(directory, part), user, statSync);
      if (directory === undefined) return undefined;
    }
    return directory;
  });
}

/** Not by `recursive`, nor by Node itself, which looks for the parents: that does not end where the system denies a part. */
function ownDirectory(
  path: string,
  user: number | undefined,
  stat: (path: string) => Stats,
): string | undefined {
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
  }
  return isOwn(stat(path), user) ? path : undefined;
}

function isOwn(found: Stats, user: number | undefined): boolean {
  return found.isDirectory() && found.uid === user && (found.mode & 0o022) === 0;
}

function unlessRefused(making: () => string | undefined): string | undefined {
  try {
    return making();
  } catch (error) {
    if (errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}
