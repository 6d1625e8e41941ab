/** Processes with a process group of their own: identifies them, and stops them with all their descendants. */
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

/** The interval at which it is checked whether a group has ended. */
const POLL_MS = 20;

/**
 * Whether this is the process that we started, which has its directory among its arguments: pids are reused.
 * Undefined if that cannot be read, which does not mean that it has ended.
 */
export async function isOurProcess(
  pid: number,
  directory: string,
  read?: ReadProcFile,
): Promise<boolean | undefined> {
  return (await commandLineOf(pid, read))?.includes(directory);
}

function signalGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  if (leader !== undefined) signalProcess(-leader, signal);
}

/**
 * Sends SIGTERM to the group, unless the grace period is 0, and SIGKILL after it. True if the group had not ended by
 * then.
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
  while ((await runs()) && clock.now() < until) await clock.sleep(POLL_MS);
  const late = await runs();
  signalGroup(leader, "SIGKILL");
  return late;
}

/** How often a builder's steps are killed, every 100 ms, before the builder itself gets SIGTERM. */
const STEP_KILLS = 100;
const STEP_KILL_MS = 100;
/** The grace period of a builder after that. */
const BUILDER_GRACE_MS = 5_000;

/**
 * Stops a build. A builder that is killed leaves its working containers in the engine; one whose step fails
 * removes them. So the processes of its steps are killed first, until the builder exits by itself.
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
 * Stops the builds that a dead server left running: their command lines name their working folder. Throws if the
 * processes cannot be read, because then a builder may still be running there.
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
 * The processes that a builder has started: its group, and all its descendants, because a step may run in a session
 * of its own. Without /proc they cannot be listed cheaply: then the whole group is interrupted.
 */
async function startedBy(leader: number): Promise<number[]> {
  if (process.platform !== "linux") signalGroup(leader, "SIGINT");
  // If they cannot be read now, the next attempt is in 100 ms.
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
