/**
 * Which worker has which attempt. Each is a file that is on disk before the worker gets its order: so a restarted server,
 * and one after a failure of the machine, never starts the attempt a second time.
 *
 * That an attempt began is not on disk at once. After a restart of the machine that is not known of any: each may have begun.
 */
import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { AttemptKey } from "../../domain/attempt.ts";
import type { RunKey } from "../../domain/ids.ts";
import type { WarmStart } from "../../domain/warm-start.ts";
import type { Logger } from "../../lib/log.ts";
import { writeAtomically } from "../output/write-atomically.ts";

export interface Assignment {
  readonly key: AttemptKey;
  readonly warm: WarmStart;
  /** Of the attempt, for its worker: see domain/worker-protocol.ts. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly assignedAt: number;
  /** When the worker reported that its code may run; undefined where that is not known. */
  readonly startedAt?: number;
  /** Its order has its inputs: what it writes as its result is a file in the worker's directory, and not stored yet. */
  readonly hasInputs?: boolean;
  /** When it was recorded; see isOfEarlierBoot. */
  readonly boot?: string;
}

const SUFFIX = ".json";
/** Another one after each restart of the machine; see random(4). */
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

export class Assignments {
  readonly #directory: string;
  /** By the attempt's name. */
  readonly #assignments = new Map<string, Assignment>();

  readonly #boot: string | undefined;

  private constructor(directory: string, boot: string | undefined) {
    this.#directory = directory;
    this.#boot = boot;
  }

  /** `boot`: of the machine since its last restart; undefined where that is not known. */
  static async open(directory: string, log: Logger, boot?: string): Promise<Assignments> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const assignments = new Assignments(directory, boot ?? (await presentBoot()));
    for (const file of await readdir(directory)) {
      if (!file.endsWith(SUFFIX)) continue;
      const assignment = parse(await readFile(join(directory, file), "utf8"));
      if (assignment === undefined) log.warn("a file of an attempt in a worker could not be read", { file });
      else assignments.#assignments.set(file.slice(0, -SUFFIX.length), assignment);
    }
    return assignments;
  }

  of(attempt: string): Assignment | undefined {
    return this.#assignments.get(attempt);
  }

  /** The machine was restarted since it was recorded: its worker has ended, and whether its code ran is not known. */
  isOfEarlierBoot({ boot }: Assignment): boolean {
    return boot !== undefined && this.#boot !== undefined && boot !== this.#boot;
  }

  all(): readonly Assignment[] {
    return [...this.#assignments.values()];
  }

  /** Whose attempt has this worker to itself. */
  runOf(worker: string): RunKey | undefined {
    return this.all().find(({ warm }) => warm.worker === worker && warm.mode === "one_shot")?.key;
  }

  /** Of workers that have an attempt. */
  workers(): ReadonlySet<string> {
    return new Set(this.all().map(({ warm }) => warm.worker));
  }

  /** Where is noted how much of its output is in its log; goes with the assignment. */
  offsetsFileOf(attempt: string): string {
    return join(this.#directory, `${attempt}.offsets`);
  }

  /** Resolves when it is on disk. `attempt`: its name, which is that of a file. */
  async record(attempt: string, unmarked: Assignment): Promise<void> {
    const assignment = { ...unmarked, ...(this.#boot !== undefined && { boot: this.#boot }) };
    // Not renamed into place: a file that is not whole is of an attempt whose order was not sent yet, and counts as none.
    const handle = await open(this.#fileOf(attempt), "w", 0o600);
    try {
      await handle.writeFile(JSON.stringify(assignment));
      await Promise.all([handle.datasync(), syncDirectory(this.#directory)]);
    } finally {
      await handle.close();
    }
    this.#assignments.set(attempt, assignment);
  }

  /** After a failure of the machine it does not matter, so it need not be on disk. */
  async started(attempt: string, startedAt: number): Promise<void> {
    const assignment = this.#assignments.get(attempt);
    if (assignment === undefined) return;
    const started = { ...assignment, startedAt };
    this.#assignments.set(attempt, started);
    writeAtomically(this.#fileOf(attempt), JSON.stringify(started));
  }

  async forget(attempt: string): Promise<void> {
    this.#assignments.delete(attempt);
    await rm(this.#fileOf(attempt), { force: true });
    await rm(this.offsetsFileOf(attempt), { force: true });
  }

  #fileOf(attempt: string): string {
    return join(this.#directory, `${attempt}${SUFFIX}`);
  }
}

async function presentBoot(): Promise<string | undefined> {
  return await readFile(BOOT_ID, "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function parse(text: string): Assignment | undefined {
  try {
    const { key, warm, id, assignedAt } = JSON.parse(text) as Partial<Assignment>;
    const isWhole = key !== undefined && warm !== undefined && id !== undefined && assignedAt !== undefined;
    return isWhole ? (JSON.parse(text) as Assignment) : undefined;
  } catch {
    return undefined;
  }
}
