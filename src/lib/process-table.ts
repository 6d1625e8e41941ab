/** Reads the system's processes. A process that cannot be read is unknown, never taken for ended. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { errnoOf } from "./errno.ts";

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
}

/** Reads a file of /proc; rejects with the errno in `code`. */
export type ReadProcFile = (path: string) => Promise<string>;

const readProcFile: ReadProcFile = (path) => readFile(path, "utf8");

/**
 * Whether a process runs; undefined if that cannot be read. A zombie does not run.
 */
export async function isAlive(pid: number, read = readProcFile): Promise<boolean | undefined> {
  if (signalProcess(pid, 0) === "gone") return false;
  if (process.platform !== "linux") return true;
  const stat = await readOf(pid, "stat", read);
  if (stat === undefined) return undefined;
  return stat !== "" && parseStat(pid, stat) !== undefined;
}

/** The command line; "" if the process does not exist, undefined if it cannot be read. */
export async function commandLineOf(pid: number, read = readProcFile): Promise<string | undefined> {
  return process.platform === "linux" ? await readOf(pid, "cmdline", read) : await runPs(pid);
}

/** The running processes; none on systems without /proc. Throws if it cannot be read. */
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

/** The arguments of its command line. Throws if they cannot be read. */
export async function argumentsOf(pid: number, read = readProcFile): Promise<string[]> {
  return (await readOwn(pid, "cmdline", read)).split("\0");
}

/** `refused`: it exists, but may not be signalled. Signal 0 only checks; a negative pid is a process group. */
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
/** proc(5), hidepid: errors for processes of other users. */
const HIDDEN = ["EACCES", "EPERM"];

/** "" if the process does not exist, undefined if it cannot be read. */
async function readOf(pid: number, file: string, read: ReadProcFile): Promise<string | undefined> {
  return await read(`/proc/${pid}/${file}`).catch((error: unknown) =>
    GONE.includes(errnoOf(error) ?? "") ? "" : undefined,
  );
}

/** "" if the process does not exist any more, or is a hidden one of another user: neither is ours. */
async function readOwn(pid: number, file: string, read: ReadProcFile): Promise<string> {
  return await read(`/proc/${pid}/${file}`).catch((error: unknown) => {
    if ([...GONE, ...HIDDEN].includes(errnoOf(error) ?? "")) return "";
    throw error;
  });
}

/** ps exits with 1 if there is no such process. */
function runPs(pid: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile("ps", ["-o", "args=", "-p", String(pid)], (error, stdout) => {
      resolve(error === null || error.code === 1 ? stdout : undefined);
    });
  });
}
