/**
 * Who was killed for memory, read from the kernel's log. With cgroup v1, conmon misses that the first process
 * of a container was killed for memory (Podman 4.3: `OOMKilled` stayed false in 7 of 7 trials), so the
 * engine's answer is not enough there. With v2 it is, and nothing here is used.
 */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { errnoOf } from "../../lib/errno.ts";

/** Whether the kernel's log has such a kill in this container; undefined where it cannot be read. */
export function kernelKilledForMemory(containerId: string): boolean | undefined {
  const text = readKernelLog();
  if (text === undefined) return undefined;
  // oom-kill:constraint=CONSTRAINT_MEMCG,…,oom_memcg=/…/libpod-ID,task_memcg=…,task=python,pid=…
  return text.split("\n").some((line) => line.includes("oom-kill:") && line.includes(containerId));
}

const MAX_RECORDS = 200_000;

function readKernelLog(): string | undefined {
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
