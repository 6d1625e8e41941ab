/**
 * Who was killed for memory, and who was refused processes, read from the kernel's log. With cgroup v1, conmon misses that the first process
 * of a container was killed for memory (Podman 4.3: `OOMKilled` stayed false in 7 of 7 trials), and no engine
 * reports which process it was, or that the machine's memory ran out instead of the container's. That a limit of
 * processes was reached no engine reports at all.
 */
import { closeSync, constants, openSync, readSync } from "node:fs";
import type { MemoryKill } from "../../domain/attempt.ts";
import { errnoOf } from "../../lib/errno.ts";

/** `text`: of /dev/kmsg, a record per line. */
export function memoryKillsIn(text: string, containerId: string): readonly MemoryKill[] {
  const lines = text.split("\n");
  return lines.flatMap((line, index) => {
    // oom-kill:constraint=CONSTRAINT_MEMCG,…,oom_memcg=/…/libpod-ID,task_memcg=…/libpod-ID,task=python,pid=…
    const [, constraint, victim, process, pid] =
      /oom-kill:constraint=(\w+),.*task_memcg=([^,]*),task=(.*),pid=(\d+)/u.exec(line) ?? [];
    if (process === undefined || victim?.includes(containerId) !== true) return [];
    const killed = lines.slice(index + 1).find((next) => next.includes(`Killed process ${pid} (`));
    const [, kilobytes] = /anon-rss:(\d+)kB/u.exec(killed ?? "") ?? [];
    return [
      {
        process,
        // The limit may also be that of a group above the container, such as a user's slice: still a limit.
        of: constraint === "CONSTRAINT_MEMCG" ? "limit" : "machine",
        ...(kilobytes !== undefined && { bytes: Number(kilobytes) * 1024 }),
      },
    ];
  });
}

/** The kernel notes it once for each control group (kernel/cgroup/pids.c), with the group's path. */
export function isForkRefusedIn(text: string, containerId: string): boolean {
  return text
    .split("\n")
    .some((line) => line.includes("fork rejected by pids controller in ") && line.includes(containerId));
}

/**
 * The records of `text` from this time on, in milliseconds since the epoch. They are dated in microseconds since the machine was
 * started, without the time that it was suspended, as is `process.hrtime`: `nowMs` and `sinceBootMs` are of the same instant.
 */
export function recordsSince(
  text: string,
  sinceMs: number,
  now: { readonly nowMs: number; readonly sinceBootMs: number },
): string {
  const fromMicros = (now.sinceBootMs - (now.nowMs - sinceMs)) * 1_000;
  const isLater = (line: string) => {
    const [, micros] = /^\d+,\d+,(\d+),/u.exec(line) ?? [];
    return micros === undefined || Number(micros) >= fromMicros;
  };
  return text.split("\n").filter(isLater).join("\n");
}

const MAX_RECORDS = 200_000;

/** A record per line; undefined where it cannot be read. */
export function readKernelLog(): string | undefined {
  let file: number;
  try {
    file = openSync("/dev/kmsg", constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    // Not Linux, or not ours to read (kernel.dmesg_restrict).
    return undefined;
  }
  try {
    const records: string[] = [];
    const buffer = Buffer.alloc(16 * 1024);
    for (let count = 0; count < MAX_RECORDS; count++) {
      const read = readRecord(file, buffer);
      if (read === "end") break;
      if (read === "unreadable") return undefined;
      if (read !== "overwritten") records.push(buffer.toString("latin1", 0, read));
    }
    return records.join("");
  } finally {
    closeSync(file);
  }
}

type Missing = "end" | "overwritten" | "unreadable";

/** One read is one record; EAGAIN means no more, EPIPE that the next ones were overwritten meanwhile. */
function readRecord(file: number, buffer: Buffer): number | Missing {
  try {
    return readSync(file, buffer) || "end";
  } catch (error) {
    const code = errnoOf(error);
    return code === "EAGAIN" ? "end" : code === "EPIPE" ? "overwritten" : "unreadable";
  }
}
