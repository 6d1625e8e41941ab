/** What was started in a process group of its own: is it still ours, and how to end it with all that it started. */
import { type Clock, systemClock } from "./clock.ts";
import {
  argumentsOf,
  commandLineOf,
  isAlive,
  listProcesses,
  type ReadProcFile,
  signalProcess,
} from "./process-table.ts";
import { within } from "./wait.ts";

/** How soon it is asked again whether a group has ended. */
const ASK_AGAIN_MS = 20;

/**
 * Whether this is the process that we started: numbers are used again after a restart of the machine, and ours has
 * its directory among its arguments. Undefined where that cannot be told, which does not mean that it has ended.
 */
export async function isOurProcess(
  pid: number,
  directory: string,
  read?: ReadProcFile,
): Promise<boolean | undefined> {
  return (await commandLineOf(pid, read))?.includes(directory);
}

export function signalGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  if (leader !== undefined) signalProcess(-leader, signal);
}

/**
 * SIGTERM to the group (none without a grace period), SIGKILL once that is over and `ended` still says no. True if
 * it came to that.
 */
export async function stopGroup(
  leader: number,
  graceMs: number,
  ended: () => Promise<boolean>,
  clock: Clock = systemClock,
): Promise<boolean> {
  const runs = async () => !(await ended()) && signalProcess(-leader, 0) !== "gone";
  if (graceMs > 0) signalGroup(leader, "SIGTERM");
  const until = clock.now() + graceMs;
  while ((await runs()) && clock.now() < until) await clock.sleep(ASK_AGAIN_MS);
  const late = await runs();
  signalGroup(leader, "SIGKILL");
  return late;
}

/** So often a builder's steps are killed, each 100 ms, before the builder itself is told to end. */
const STEP_KILLS = 100;
const STEP_KILL_MS = 100;
/** The grace period of a builder after that. */
const BUILDER_GRACE_MS = 5_000;

/**
 * Ends a build. A builder that is killed leaves its working containers in the engine; one whose step fails
 * removes them. So the step's processes go first, until the builder gives up by itself.
 */
export async function stopBuilder(
  leader: number | undefined,
  exited: Promise<unknown>,
  clock: Clock = systemClock,
): Promise<void> {
  if (leader === undefined) return;
  let running = true;
  const end = exited.then(
    () => void (running = false),
    () => void (running = false),
  );
  for (let tries = 0; running && tries < STEP_KILLS; tries++) {
    for (const pid of await startedBy(leader)) signalProcess(pid, "SIGKILL");
    await within(end, STEP_KILL_MS, clock);
  }
  if (running) signalGroup(leader, "SIGTERM");
  await within(end, BUILDER_GRACE_MS, clock);
  if (running) signalGroup(leader, "SIGKILL");
}

/**
 * Ends the builds that a dead server has left running: their command lines name the folder they work in. Throws
 * where the processes cannot be read: nobody knows then whether something still builds there.
 */
export async function stopBuildersIn(folder: string, clock: Clock = systemClock): Promise<void> {
  const leaders: number[] = [];
  for (const { pid, group } of await listProcesses()) {
    if (pid !== group) continue;
    if ((await argumentsOf(pid)).some((word) => word.startsWith(`${folder}/`))) leaders.push(pid);
  }
  await Promise.all(leaders.map((leader) => stopBuilder(leader, untilGone(leader, clock), clock)));
}

/**
 * What a builder has started: its group, and all that descends from it, because a step may run in a session
 * of its own. Without /proc there is no cheap way to ask: then the group is stopped as one.
 */
async function startedBy(leader: number): Promise<number[]> {
  if (process.platform !== "linux") signalGroup(leader, "SIGINT");
  // Unreadable now: the next time, in 100 ms, they may be read.
  const all = await listProcesses().catch(() => []);
  const found = new Set([leader]);
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const { pid, parent, group } of all) if (group === leader || found.has(parent)) found.add(pid);
  }
  found.delete(leader);
  return [...found];
}

async function untilGone(pid: number, clock: Clock): Promise<void> {
  while ((await isAlive(pid)) !== false) await clock.sleep(50);
}
