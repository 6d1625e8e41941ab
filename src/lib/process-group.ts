/** Processes by number: is it still the one we started, and how to end it with all it started. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** Numbers are used again after a restart of the machine: ours has its directory among its arguments. */
export async function isOurProcess(pid: number, directory: string): Promise<boolean> {
  return (await commandLine(pid)).includes(directory);
}

async function commandLine(pid: number): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    if (process.platform === "linux") return "";
  }
  return new Promise((resolve) => {
    execFile("ps", ["-o", "args=", "-p", String(pid)], (_error, stdout) => resolve(stdout));
  });
}

/** SIGTERM to the group (none without a grace period), SIGKILL once that is over and `ended` still says no. True if it came to that. */
export async function stopGroup(pid: number, graceMs: number, ended: () => boolean): Promise<boolean> {
  if (graceMs > 0) signalGroup(pid, "SIGTERM");
  const until = Date.now() + graceMs;
  while (!ended() && groupLives(pid) && Date.now() < until) await sleep(20);
  const late = !ended() && groupLives(pid);
  signalGroup(pid, "SIGKILL");
  return late;
}

function groupLives(pid: number): boolean {
  return signalGroup(pid, 0);
}

function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
