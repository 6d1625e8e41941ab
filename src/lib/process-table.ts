/** What the system tells of processes. What cannot be read is unknown: that is never taken for ended. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
}

/** Reads a file of /proc; rejects with the errno in `code`. */
export type ReadProcFile = (path: string) => Promise<string>;

const readProcFile: ReadProcFile = (path) => readFile(path, "utf8");

/**
 * Whether a process runs; undefined where that cannot be told. One that has ended and that its parent has not
 * asked about yet does not run.
 */
export async function isAlive(pid: number, read = readProcFile): Promise<boolean | undefined> {
  if (signalProcess(pid, 0) === "gone") return false;
  if (process.platform !== "linux") return true;
  const stat = await readOf(pid, "stat", read);
  if (stat === undefined) return undefined;
  return stat !== "" && parseStat(pid, stat) !== undefined;
}

/** With its arguments; "" for a process that is gone, undefined where it cannot be read. */
export async function commandLineOf(pid: number, read = readProcFile): Promise<string | undefined> {
  return process.platform === "linux" ? await readOf(pid, "cmdline", read) : await askPs(pid);
}

/** Those that run, where the system has /proc; none where it has not. Throws where it cannot be read. */
export async function listProcesses(read = readProcFile): Promise<ProcessEntry[]> {
  if (process.platform !== "linux") return [];
  const found: ProcessEntry[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const pid = Number(name);
    const entry = parseStat(pid, await readOwn(pid, "stat", read));
    if (entry !== undefined) found.push(entry);
  }
  return found;
}

/** The words of its command line. Throws where they cannot be read. */
export async function argumentsOf(pid: number, read = readProcFile): Promise<string[]> {
  return (await readOwn(pid, "cmdline", read)).split("\0");
}

/** `refused`: it is there, and not ours to signal. Signal 0 only asks; a negative number is a process group. */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): "sent" | "gone" | "refused" {
  try {
    process.kill(pid, signal);
    return "sent";
  } catch (error) {
    return errnoOf(error) === "ESRCH" ? "gone" : "refused";
  }
}

/** proc(5): `pid (name) state ppid pgrp …`; the name may hold spaces and brackets. Undefined for a zombie. */
function parseStat(pid: number, stat: string): ProcessEntry | undefined {
  const [state, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (group === undefined || state === "Z") return undefined;
  return { pid, parent: Number(parent), group: Number(group) };
}

const GONE = ["ENOENT", "ESRCH"];
/** proc(5), hidepid: what another user's processes may answer. */
const HIDDEN = ["EACCES", "EPERM"];

/** "" for a process that is gone, undefined where it cannot be read. */
async function readOf(pid: number, file: string, read: ReadProcFile): Promise<string | undefined> {
  return await read(`/proc/${pid}/${file}`).catch((error: unknown) =>
    GONE.includes(errnoOf(error)) ? "" : undefined,
  );
}

/** "" for a process that is gone by now, or is another user's and hidden: none of those is ours. */
async function readOwn(pid: number, file: string, read: ReadProcFile): Promise<string> {
  return await read(`/proc/${pid}/${file}`).catch((error: unknown) => {
    if ([...GONE, ...HIDDEN].includes(errnoOf(error))) return "";
    throw error;
  });
}

/** ps ends with code 1 where it finds no such process. */
function askPs(pid: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile("ps", ["-o", "args=", "-p", String(pid)], (error, stdout) => {
      resolve(error === null || error.code === 1 ? stdout : undefined);
    });
  });
}

function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
