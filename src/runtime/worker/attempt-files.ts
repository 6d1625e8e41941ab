/** The files of an attempt in a resident worker: its output, its result and its exit code (domain/worker-protocol.ts). */
import {
  appendFileSync,
  chmodSync,
  closeSync,
  fchmodSync,
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

function openReadable(file: string): number {
  const descriptor = openSync(file, "a");
  fchmodSync(descriptor, READABLE);
  return descriptor;
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
      descriptor = openReadable(join(this.#directory, name));
      this.#descriptors.set(name, descriptor);
    }
    return descriptor;
  }

  /** Synchronous, as writes to a pipe are in a process of its own: the order stays, and nothing is lost at the end. */
  append(name: OutputName, bytes: Uint8Array | string): void {
    if (this.#isOpen) appendFileSync(this.descriptor(name), bytes);
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
    writeFileSync(`${file}.tmp`, content);
    chmodSync(`${file}.tmp`, READABLE);
    renameSync(`${file}.tmp`, file);
  }
}
