/**
 * Which worker has which attempt. Each is on disk before the worker gets its order: so a restarted server, and one after a
 * failure of the machine, never starts the attempt a second time.
 *
 * That an attempt began is not on disk at once. After a restart of the machine that is not known of any: each may have begun.
 */
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { AttemptKey } from "../../domain/attempt.ts";
import type { RunKey } from "../../domain/ids.ts";
import type { WarmStart } from "../../domain/warm-start.ts";
import type { Logger } from "../../lib/log.ts";
import { Journal } from "./journal.ts";

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

const JOURNAL = "journal";
/** Another one after each restart of the machine; see random(4). */
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

export class Assignments {
  readonly #directory: string;
  /** By the attempt's name. */
  readonly #assignments = new Map<string, Assignment>();
  readonly #journal: Journal;
  readonly #boot: string | undefined;

  private constructor(directory: string, boot: string | undefined) {
    this.#directory = directory;
    this.#boot = boot;
    this.#journal = new Journal(join(directory, JOURNAL), () =>
      [...this.#assignments].map((entry) => JSON.stringify(entry)),
    );
  }

  /** `boot`: of the machine since its last restart; undefined where that is not known. */
  static async open(directory: string, log: Logger, boot?: string): Promise<Assignments> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const opened = new Assignments(directory, boot ?? (await presentBoot()));
    opened.#read(log);
    return opened;
  }

  /** What a server of this machine has recorded there, which goes on: nothing is changed. Empty where there is none. */
  static async read(directory: string, log: Logger): Promise<readonly Assignment[]> {
    const others = new Assignments(directory, undefined);
    others.#read(log);
    return others.all();
  }

  #read(log: Logger): void {
    for (const line of Journal.linesOf(join(this.#directory, JOURNAL))) {
      const [attempt, assignment] = parse(line) ?? [];
      if (attempt === undefined) log.warn("a line of the attempts in workers could not be read", { line });
      else if (assignment === undefined) this.#assignments.delete(attempt);
      else this.#assignments.set(attempt, assignment);
    }
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
    try {
      this.#note(attempt, assignment);
      await this.#journal.synced();
    } catch (error) {
      // Its line may be in the file for all that.
      await this.forget(attempt).catch(() => this.#assignments.delete(attempt));
      throw error;
    }
  }

  /** After a failure of the machine it does not matter, so it need not be on disk. */
  async started(attempt: string, startedAt: number): Promise<void> {
    const assignment = this.#assignments.get(attempt);
    if (assignment !== undefined) this.#note(attempt, { ...assignment, startedAt });
  }

  /** Of an attempt that starts elsewhere: resolves when that is on disk, so that its container is not taken for one in a worker. */
  async leave(attempt: string): Promise<void> {
    const isKnown = this.#assignments.has(attempt);
    await this.forget(attempt);
    if (isKnown) await this.#journal.synced();
  }

  async forget(attempt: string): Promise<void> {
    if (this.#assignments.has(attempt)) this.#journal.add(JSON.stringify([attempt]));
    this.#assignments.delete(attempt);
    await rm(this.offsetsFileOf(attempt), { force: true });
  }

  #note(attempt: string, assignment: Assignment): void {
    // First: the journal may be written anew, with all that there is.
    this.#assignments.set(attempt, assignment);
    this.#journal.add(JSON.stringify([attempt, assignment]));
  }
}

async function presentBoot(): Promise<string | undefined> {
  return await readFile(BOOT_ID, "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}

/** An attempt's name, and what it has from then on; nothing where it is forgotten. Undefined for a line that is not whole. */
function parse(line: string): readonly [string, Assignment?] | undefined {
  try {
    const [attempt, assignment] = JSON.parse(line) as readonly [unknown, Partial<Assignment>?];
    if (typeof attempt !== "string") return undefined;
    if (assignment === undefined) return [attempt];
    const { key, warm, id, assignedAt } = assignment;
    const isWhole = key !== undefined && warm !== undefined && id !== undefined && assignedAt !== undefined;
    return isWhole ? [attempt, assignment as Assignment] : undefined;
  } catch {
    return undefined;
  }
}
