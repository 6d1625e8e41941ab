/** What all code of a process shares, and an attempt that is alone in it has for itself while it runs. */
import { messageOf } from "../../domain/errors.ts";

/**
 * Sets arguments and variables. The returned function restores them, the umask and the working directory, or says why it cannot.
 */
export function setProcessState(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): () => string | undefined {
  const before = {
    argv: [...process.argv],
    env: { ...process.env },
    directory: process.cwd(),
    umask: process.umask(),
  };
  process.argv.splice(2, process.argv.length, ...args);
  Object.assign(process.env, env);
  return () => {
    process.argv.splice(0, process.argv.length, ...before.argv);
    for (const name of Object.keys(process.env)) if (!(name in before.env)) delete process.env[name];
    for (const [name, value] of Object.entries(before.env))
      if (process.env[name] !== value) process.env[name] = value;
    process.umask(before.umask);
    return changeDirectory(before.directory);
  };
}

/** Undefined when that is the working directory. A task may have removed it, or the one that it went to. */
function changeDirectory(directory: string): string | undefined {
  try {
    process.chdir(directory);
    return undefined;
  } catch (error) {
    return `its working directory cannot be restored: ${messageOf(error)}`;
  }
}
