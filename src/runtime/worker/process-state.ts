/** What all code of a process shares, and an attempt that is alone in it has for itself while it runs. */

/** Sets arguments and variables; the returned function restores them, and the working directory. */
export function setProcessState(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): () => void {
  const before = { argv: [...process.argv], env: { ...process.env }, directory: process.cwd() };
  process.argv.splice(2, process.argv.length, ...args);
  Object.assign(process.env, env);
  return () => {
    process.argv.splice(0, process.argv.length, ...before.argv);
    for (const name of Object.keys(process.env)) if (!(name in before.env)) delete process.env[name];
    for (const [name, value] of Object.entries(before.env))
      if (process.env[name] !== value) process.env[name] = value;
    if (process.cwd() !== before.directory) process.chdir(before.directory);
  };
}
