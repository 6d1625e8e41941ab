/** How many files, of which each connection is one, this process may have open at the same time. */
import { readFile } from "node:fs/promises";

const LIMIT = /^Max open files\s+(\d+)/mu;

/** Undefined where there is no limit, or the system does not say. Node raises the soft limit to the hard one at its start. */
export async function mostOpenFiles(): Promise<number | undefined> {
  // Linux only, proc_pid_limits(5).
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => "");
  const [, soft] = LIMIT.exec(limits) ?? [];
  return soft === undefined ? undefined : Number(soft);
}
