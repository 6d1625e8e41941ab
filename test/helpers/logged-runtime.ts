/** An OCI runtime that logs each call and is runc or crun otherwise. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Its name, where it is registered in an engine. */
export const LOGGED_RUNTIME = "logged";

export interface LoggedRuntime {
  readonly program: string;
  /** The arguments of each call so far. */
  calls(): Promise<string[]>;
}

export async function writeLoggedRuntime(directory: string, path: string): Promise<LoggedRuntime> {
  const program = join(directory, "logged-runtime");
  const log = join(directory, "logged-runtime.log");
  await writeFile(log, "");
  await writeFile(
    program,
    `#!/bin/sh
PATH='${path}'
printf '%s\\n' "$*" >> '${log}'
exec "$(command -v runc || command -v crun)" "$@"
`,
    { mode: 0o755 },
  );
  return { program, calls: async () => (await readFile(log, "utf8")).split("\n").filter(Boolean) };
}
