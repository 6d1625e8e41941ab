/**
 * Which worker has which attempt. Each is on disk before the worker gets its order: so a restarted server, and one after a
 * failure of the machine, never starts the attempt a second time.
 *
 * That an attempt began is not on disk at once. After a restart of the machine that is not known of any: each may have begun.
 */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { AttemptKey } from "../../domain/attempt.ts";
import type { RunKey } from "../../domain/ids.ts";
import type { WarmStart } from "../../domain/warm-start.ts";
import type { Logger } from "../../lib/log.ts";
import type { Offsets } from "../output/output-follower.ts";
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
  /** How many bytes of its output are in its log. */
  readonly copied?: Offsets;
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
      const [attempt, fields] = parse(line) ?? [];
      const assignment = attempt && fields && withFields(this.#assignments.get(attempt), fields);
      if (attempt !== undefined && fields === undefined) this.#assignments.delete(attempt);
      else if (attempt && assignment) this.#assignments.set(attempt, assignment);
      else log.warn("a line of the attempts in workers could not be read", { line });
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

  /** Resolves when it is on disk. `attempt`: its name. */
  async record(attempt: string, unmarked: Assignment): Promise<void> {
    const assignment = { ...unmarked, ...(this.#boot !== undefined && { boot: this.#boot }) };
    try {
      this.#note(attempt, assignment, assignment);
      await this.#journal.synced();
    } catch (error) {
      // Its line may be in the file for all that.
      await this.forget(attempt).catch(() => this.#assignments.delete(attempt));
      throw error;
    }
  }

  /** After a failure of the machine it does not matter, so it need not be on disk. */
  async started(attempt: string, startedAt: number): Promise<void> {
    this.#change(attempt, { startedAt });
  }

  /** To be called when those lines are in its log. Counts until a restart of the machine: the log is not synced. Throws where it cannot be written. */
  copied(attempt: string, copied: Offsets): void {
    this.#change(attempt, { copied });
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
  }

  #change(attempt: string, fields: Partial<Assignment>): void {
    const assignment = this.#assignments.get(attempt);
    if (assignment !== undefined) this.#note(attempt, { ...assignment, ...fields }, fields);
  }

  /** `fields`: what of it is new. */
  #note(attempt: string, assignment: Assignment, fields: Partial<Assignment>): void {
    // First: the journal may be written anew, with all that there is.
    this.#assignments.set(attempt, assignment);
    this.#journal.add(JSON.stringify([attempt, fields]));
  }
}

async function presentBoot(): Promise<string | undefined> {
  return await readFile(BOOT_ID, "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}

/** An attempt's name, and what is new of it; nothing where it is forgotten. Undefined for a line that is not whole. */
function parse(line: string): readonly [string, Partial<Assignment>?] | undefined {
  try {
    const [attempt, fields] = JSON.parse(line) as readonly [unknown, Partial<Assignment>?];
    if (typeof attempt !== "string") return undefined;
    return fields === undefined ? [attempt] : [attempt, fields];
  } catch {
    return undefined;
  }
}

/** Undefined where what is known of it then is not whole. */
function withFields(known: Assignment | undefined, fields: Partial<Assignment>): Assignment | undefined {
  const { key, warm, id, assignedAt } = fields;
  const isWhole = key !== undefined && warm !== undefined && id !== undefined && assignedAt !== undefined;
  return isWhole ? (fields as Assignment) : known && { ...known, ...fields };
}
