/** Processes of builds, ours and those of a server that died: who is there, and how to end them. */
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Ends a build. A builder that is killed leaves its working containers in the engine; one whose step fails
 * removes them. So the step's processes go first, until the builder gives up by itself.
 */
export async function stopGently(leader: number | undefined, exited: Promise<unknown>): Promise<void> {
  if (leader === undefined) return;
  let running = true;
  const end = exited.then(
    () => (running = false),
    () => (running = false),
  );
  for (let tries = 0; running && tries < 100; tries++) {
    for (const pid of await processesOf(leader)) signalProcess(pid, "SIGKILL");
    await Promise.race([delay(100), end]);
  }
  if (running) signalGroup(leader, "SIGTERM");
  // Without ref: who has nothing else to wait for does not wait for this.
  await Promise.race([delay(5_000, undefined, { ref: false }), end]);
  if (running) signalGroup(leader, "SIGKILL");
}

/** Ends the builds that a dead server has left running: their command lines name the folder they work in. */
export async function stopBuildsIn(folder: string): Promise<void> {
  const leaders: number[] = [];
  for (const { pid, group } of await processes()) {
    const commandLine = pid === group ? await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "") : "";
    if (commandLine.split("\0").some((word) => word.startsWith(`${folder}/`))) leaders.push(pid);
  }
  await Promise.all(leaders.map((leader) => stopGently(leader, untilGone(leader))));
}

/** A process that has ended and that nobody has asked about yet is not alive. */
export async function isAlive(pid: number): Promise<boolean> {
  if ((await processes()).some((process) => process.pid === pid)) return true;
  return (await hasProcFs()) ? false : signalProcess(pid, 0);
}

export function signalGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  if (leader !== undefined) signalProcess(-leader, signal);
}

/** False where it is gone already, which is what was wanted. */
function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/**
 * What a builder has started: its group, and all that descends from it, because a step may run in a session
 * of its own. Without /proc there is no cheap way to ask: then the group is stopped as one.
 */
async function processesOf(leader: number): Promise<number[]> {
  if (!(await hasProcFs())) signalGroup(leader, "SIGINT");
  const all = await processes();
  const found = new Set([leader]);
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const { pid, parent, group } of all) if (group === leader || found.has(parent)) found.add(pid);
  }
  found.delete(leader);
  return [...found];
}

async function untilGone(pid: number): Promise<void> {
  while (await isAlive(pid)) await delay(50);
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
}

/** Those that run, where the system has /proc; none where it has not. */
async function processes(): Promise<Process[]> {
  const names = await readdir("/proc").catch(() => []);
  const found: Process[] = [];
  for (const name of names.filter((entry) => /^\d+$/.test(entry))) {
    // It may end while we are looking.
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    // pid (name) state ppid pgrp …; the name may hold spaces and brackets.
    const [state, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (group === undefined || state === "Z") continue;
    found.push({ pid: Number(name), parent: Number(parent), group: Number(group) });
  }
  return found;
}

async function hasProcFs(): Promise<boolean> {
  return (await readFile("/proc/self/stat", "utf8").catch(() => "")) !== "";
}
