/**
 * What an attempt's directory says of it. A file that is not there is an answer; one that cannot be read (no
 * descriptor is free, the disk fails) is none: then everything here throws, and nobody may take that for an end.
 */
import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { AttemptKey } from "../../domain/attempt.ts";
import type { Clock } from "../../lib/clock.ts";
import { orAbsent } from "../../lib/errno.ts";
import { removeTree } from "../../lib/remove-tree.ts";
import { isOurProcess, stopGroup } from "../../lib/process-group.ts";
import { KEY_FILE, parseAttemptKey } from "./attempt-key-file.ts";
import { writeAtomically } from "../output/write-atomically.ts";

export type ReadText = (file: string) => Promise<string>;

/** The attempt may put anything in place of one: a pipe would block this thread. */
const OWN_FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** More than any of them has. */
const MOST_BYTES = 4096;

/**
 * The beginning of a file; ENOENT as well where it is none. By this thread: the files are small and were just written, and another
 * thread takes ten times as long for each.
 */
export const readTextFile: ReadText = async (file) => {
  const descriptor = openSync(file, OWN_FILE);
  try {
    if (!fstatSync(descriptor).isFile())
      throw Object.assign(new Error(`${file} is no file`), { code: "ENOENT" });
    const buffer = Buffer.allocUnsafe(MOST_BYTES);
    return buffer.toString("utf8", 0, readSync(descriptor, buffer));
  } finally {
    closeSync(descriptor);
  }
};

/** What a shell says of a child that SIGKILL ended. */
const KILLED = 128 + 9;
/** One that was started a moment ago has not written its number yet. */
const NUMBER_READS = 40;
const NUMBER_READ_MS = 50;

export class AttemptDirectory {
  readonly path: string;
  readonly #readText: ReadText;
  readonly #readProc: ReadText | undefined;

  /** `readText`: of files of /proc, too, which can take any time and are read by another thread otherwise. */
  constructor(path: string, readText?: ReadText) {
    this.path = path;
    this.#readText = readText ?? readTextFile;
    this.#readProc = readText;
  }

  get work(): string {
    return join(this.path, "work");
  }

  async create(of: AttemptKey): Promise<void> {
    mkdirSync(this.work, { recursive: true });
    const key = await this.key();
    if (key === undefined || key === "damaged")
      writeAtomically(join(this.path, KEY_FILE), JSON.stringify(of));
  }

  /** Whose it is; undefined where nothing says so yet. */
  async key(): Promise<AttemptKey | "damaged" | undefined> {
    const text = await this.#text(KEY_FILE);
    return text === undefined ? undefined : (parseAttemptKey(text) ?? "damaged");
  }

  /** When its process was started, in milliseconds since the epoch; undefined: never. */
  async startedAt(): Promise<number | undefined> {
    return this.#changedAt("lock");
  }

  /** How its process ended, and when. */
  async end(): Promise<{ readonly exitCode: number; readonly atMs: number } | undefined> {
    const exitCode = await this.#number("exit");
    if (exitCode === undefined) return undefined;
    const atMs = await this.#changedAt("exit");
    return atMs === undefined ? undefined : { exitCode, atMs };
  }

  async isAlive(): Promise<boolean> {
    const pid = await this.#number("pid");
    if (pid === undefined) return false;
    const isOurs = await isOurProcess(pid, this.path, this.#readProc);
    if (isOurs === undefined) throw new Error(`whether process ${pid} still runs could not be read`);
    return isOurs;
  }

  /** Ends what was started here, if anything was and it lives. Resolves when it is over. */
  async stop(graceMs: number, clock: Clock): Promise<void> {
    if ((await this.startedAt()) === undefined) return;
    for (let reads = 0; reads < NUMBER_READS && (await this.#number("pid")) === undefined; reads++)
      await clock.sleep(NUMBER_READ_MS);
    const pid = await this.#number("pid");
    const hasEnded = async () => (await this.end()) !== undefined;
    if (pid === undefined || (await hasEnded()) || !(await this.isAlive())) return;
    const isKilled = await stopGroup(pid, graceMs, hasEnded, clock);
    // The shell that would have written it was killed as well.
    if (isKilled && !(await hasEnded())) writeAtomically(join(this.path, "exit"), String(KILLED));
  }

  async remove(): Promise<void> {
    await removeTree(this.path);
  }

  async #number(name: string): Promise<number | undefined> {
    const number = Number.parseInt((await this.#text(name)) ?? "", 10);
    return Number.isNaN(number) ? undefined : number;
  }

  /**
   * Undefined where there is no such file, which is asked first: a read that fails takes ten times as long.
   */
  async #text(name: string): Promise<string | undefined> {
    const file = join(this.path, name);
    if (lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
    return await orAbsent(this.#readText(file));
  }

  async #changedAt(name: string): Promise<number | undefined> {
    const found = lstatSync(join(this.path, name), { throwIfNoEntry: false });
    return found && Math.floor(found.mtimeMs);
  }
}
