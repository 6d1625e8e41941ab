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

export type OutputName = "stdout" | "stderr";

/** The server may be another user, and the umask be one that a task has set. */
const READABLE = 0o644;

function openReadable(file: string): number {
  const descriptor = openSync(file, "a");
  fchmodSync(descriptor, READABLE);
  return descriptor;
}

export class AttemptFiles {
  readonly #directory: string;
  readonly #descriptors: Readonly<Record<OutputName, number>>;
  #isOpen = true;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
    for (const made of [dirname(directory), directory]) chmodSync(made, 0o755);
    this.#descriptors = {
      stdout: openReadable(join(directory, "stdout")),
      stderr: openReadable(join(directory, "stderr")),
    };
  }

  /** Of the open file, for child processes. */
  descriptor(name: OutputName): number {
    return this.#descriptors[name];
  }

  /** Synchronous, as writes to a pipe are in a process of its own: the order stays, and nothing is lost at the end. */
  append(name: OutputName, bytes: Uint8Array | string): void {
    if (this.#isOpen) appendFileSync(this.#descriptors[name], bytes);
  }

  /** For the server to store, whole once the attempt is over. */
  keep(name: ResultFile, bytes: Uint8Array): void {
    if (this.#isOpen) this.#write(name, bytes);
  }

  /** Nothing is written after it. `unstarted`: why none of its own code began. */
  close(exitCode: number, unstarted?: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#descriptors.stdout);
    closeSync(this.#descriptors.stderr);
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
