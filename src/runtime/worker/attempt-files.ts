/** The files of an attempt in a resident worker: its output, its result and its exit code (domain/worker-protocol.ts). */
import {
  appendFileSync,
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { ResultFile } from "../../domain/outputs.ts";
import { errnoOf } from "../../lib/errno.ts";

export type OutputName = "stdout" | "stderr";

/** The server may be another user, and the umask be one that a task has set. */
const READABLE = 0o644;

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_TRUNC, O_WRONLY } = constants;

/**
 * Throws for what is no file: a task can have put a link there, or a pipe, whose opening would wait, and all attempts of the
 * worker with it. `mode`: O_APPEND or O_TRUNC.
 */
function openReadable(file: string, mode: number): number {
  const descriptor = openSync(file, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | mode, READABLE);
  try {
    if (!fstatSync(descriptor).isFile()) throw new Error(`${file} is not a file`);
    fchmodSync(descriptor, READABLE);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** One that the server has made is its own: this user may not change it. */
function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return;
    throw error;
  }
  chmodSync(directory, 0o755);
}

export class AttemptFiles {
  readonly #directory: string;
  /** Of what was written to: most attempts write nothing. */
  readonly #descriptors = new Map<OutputName, number>();
  #isOpen = true;

  constructor(directory: string) {
    this.#directory = directory;
    makeDirectory(dirname(directory));
    makeDirectory(directory);
  }

  /** Of the open file, for child processes. */
  descriptor(name: OutputName): number {
    let descriptor = this.#descriptors.get(name);
    if (descriptor === undefined) {
      descriptor = openReadable(join(this.#directory, name), O_APPEND);
      this.#descriptors.set(name, descriptor);
    }
    return descriptor;
  }

  /** Synchronous, as writes to a pipe are in a process of its own: the order stays, and nothing is lost at the end. */
  append(name: OutputName, bytes: Uint8Array | string): void {
    if (this.#isOpen) appendFileSync(this.descriptor(name), bytes);
  }

  /** The runtime's own words. Where they cannot be kept, as on a full disk, the attempt ends as it would have. */
  note(text: string): void {
    try {
      this.append("stderr", text);
    } catch {
      // Nobody else could be told.
    }
  }

  /** For the server to store, whole once the attempt is over. */
  keep(name: ResultFile, bytes: Uint8Array): void {
    if (this.#isOpen) this.#write(name, bytes);
  }

  /** Nothing is written after it. `unstarted`: why none of its own code began. */
  close(exitCode: number, unstarted?: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const descriptor of this.#descriptors.values()) closeSync(descriptor);
    if (unstarted !== undefined) this.#write("unstarted", unstarted);
    this.#write("exit", String(exitCode));
  }

  #write(name: string, content: string | Uint8Array): void {
    const file = join(this.#directory, name);
    const descriptor = openReadable(`${file}.tmp`, O_TRUNC);
    try {
      writeFileSync(descriptor, content);
    } finally {
      closeSync(descriptor);
    }
    renameSync(`${file}.tmp`, file);
  }
}
