/** Where Node keeps what it compiled, so that the next start does not. */
import { isAbsolute, join } from "node:path";

/**
 * The user's own directory for caches; undefined where there is none. Not Node's default below /tmp: this process would run
 * what another user of the machine put there first.
 */
export function compiledCodeDirectory(env: NodeJS.ProcessEnv): string | undefined {
  const { XDG_CACHE_HOME: caches = "", HOME: home = "" } = env;
  if (isAbsolute(caches)) return join(caches, "boxkite", "compiled");
  return isAbsolute(home) ? join(home, ".cache", "boxkite", "compiled") : undefined;
}
