/** Gives the output of a resident worker to the attempt that writes it. */
import childProcess from "node:child_process";
import { syncBuiltinESMExports } from "node:module";
import type { AttemptFiles, OutputName } from "./attempt-files.ts";

/** Whose output is written now; undefined: the worker's own. */
export type Writer = () => AttemptFiles | undefined;

type Callback = (error?: Error | null) => void;

/** For the rest of the process, and before modules of authors import what is replaced. */
export function redirectOutput(writer: Writer): void {
  for (const name of ["stdout", "stderr"] as const) redirectStream(name, writer);
  redirectChildren(writer);
}

/** `console` and piped streams write through these methods, too. */
function redirectStream(name: OutputName, writer: Writer): void {
  const stream: NodeJS.WriteStream = process[name];
  const { write, end } = stream;
  stream.write = (chunk: unknown, encoding?: unknown, callback?: unknown): boolean => {
    const files = writer();
    // A chunk that is none is refused by the stream itself.
    if (files === undefined || !isChunk(chunk))
      return Reflect.apply(write, stream, [chunk, encoding, callback]) as boolean;
    append(files, name, chunk, encoding, callback);
    return true;
  };
  // Other attempts write to it, too: it never ends.
  stream.end = (chunk?: unknown, encoding?: unknown, callback?: unknown): typeof stream => {
    const files = writer();
    if (files === undefined) return Reflect.apply(end, stream, [chunk, encoding, callback]) as typeof stream;
    append(
      files,
      name,
      isChunk(chunk) ? chunk : "",
      encoding,
      typeof chunk === "function" ? chunk : callback,
    );
    return stream;
  };
}

function isChunk(chunk: unknown): chunk is string | NodeJS.ArrayBufferView {
  return typeof chunk === "string" || ArrayBuffer.isView(chunk);
}

/** Throws for an unknown encoding, as a stream does. */
function append(
  files: AttemptFiles,
  name: OutputName,
  chunk: string | NodeJS.ArrayBufferView,
  encoding: unknown,
  last: unknown,
): void {
  const callback = [encoding, last].find((value) => typeof value === "function") as Callback | undefined;
  const bytes =
    typeof chunk === "string"
      ? Buffer.from(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8")
      : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  let failure: Error | undefined;
  try {
    files.append(name, bytes);
  } catch (error) {
    // As of a full disk. Without a callback nobody asks, and output that cannot be kept ends no task.
    failure = error as Error;
  }
  if (callback !== undefined) process.nextTick(callback, failure);
}

type Stdio = unknown;
interface ChildOptions {
  stdio?: Stdio;
}

/** Child processes inherit descriptors, not streams: they get those of the attempt's files. */
function redirectChildren(writer: Writer): void {
  const { ChildProcess } = childProcess as unknown as {
    readonly ChildProcess: { prototype: { spawn: (options: ChildOptions) => unknown } };
  };
  const { spawn } = ChildProcess.prototype;
  // Of spawn, fork, exec and execFile.
  ChildProcess.prototype.spawn = function (this: unknown, options: ChildOptions): unknown {
    return Reflect.apply(spawn, this, [redirected(options, writer())]);
  };
  const functions = childProcess as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of ["spawnSync", "execSync", "execFileSync"]) {
    const original = functions[name];
    if (original === undefined) continue;
    functions[name] = (...args: unknown[]): unknown => {
      const last = args.at(-1);
      if (typeof last !== "object" || last === null || Array.isArray(last)) return original(...args);
      return original(...args.slice(0, -1), redirected(last as ChildOptions, writer()));
    };
  }
  syncBuiltinESMExports();
}

function redirected(options: ChildOptions, files: AttemptFiles | undefined): ChildOptions {
  const { stdio } = options;
  if (files === undefined || stdio === undefined || stdio === null) return options;
  const entries: unknown[] = Array.isArray(stdio) ? [...(stdio as unknown[])] : [stdio, stdio, stdio];
  const own: Readonly<Record<number, OutputName>> = { 1: "stdout", 2: "stderr" };
  const changed = entries.map((entry, index) => {
    const named = entry === "inherit" ? own[index] : outputOf(entry);
    return named === undefined ? entry : files.descriptor(named);
  });
  return { ...options, stdio: changed };
}

/** What an entry of `stdio` names: a descriptor, or a stream. */
function outputOf(entry: unknown): OutputName | undefined {
  if (entry === 1 || entry === process.stdout) return "stdout";
  return entry === 2 || entry === process.stderr ? "stderr" : undefined;
}
