/** Which program listens on a port of this machine, for an error message. Linux only. */
import { readFile, readdir, readlink } from "node:fs/promises";
import { basename } from "node:path";

const LISTENING = "0A";

/** "node (pid 123)", or undefined where it cannot be determined. */
export async function holderOfPort(port: number): Promise<string | undefined> {
  const inodes = new Set([
    ...(await listeningInodes("/proc/net/tcp", port)),
    ...(await listeningInodes("/proc/net/tcp6", port)),
  ]);
  if (inodes.size === 0) return undefined;
  for (const pid of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/u.test(pid)) continue;
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => "");
      const inode = /^socket:\[(\d+)\]$/u.exec(target)?.[1];
      if (inode === undefined || !inodes.has(inode)) continue;
      return `${await nameOf(pid)} (pid ${pid})`;
    }
  }
  return undefined;
}

/** The name of its program; /proc/PID/comm may be the name of a thread. */
async function nameOf(pid: string): Promise<string> {
  const [program] = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
  return basename(program || "a program");
}

/** Columns of /proc/net/tcp: 1 = local address and port in hexadecimal, 3 = state, 9 = inode. */
async function listeningInodes(table: string, port: number): Promise<string[]> {
  const text = await readFile(table, "utf8").catch(() => "");
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return text
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/u))
    .filter((columns) => columns[1]?.endsWith(suffix) && columns[3] === LISTENING)
    .map((columns) => columns[9] ?? "");
}
