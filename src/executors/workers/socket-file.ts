/**
 * The socket file of a worker: whether it is there, when it appears, and connecting to it. Code of tasks can write in its
 * directory: a link there leads nowhere, or a task could have orders of its run go to a worker of another one.
 */
import { constants, lstatSync, watch } from "node:fs";
import { open } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { Clock } from "../../lib/clock.ts";
import { Wakeup } from "../wakeup.ts";

const NAME = "socket";
/** Of open(2), for a file that is only named by the descriptor. Linux only; Node has no constant for it. */
const O_PATH = 0o10000000;
/** The system's notice may be missing (no descriptor is free): so the file is checked from time to time in any case. */
const CHECK_MS = 1_000;

export function hasSocket(directory: string): boolean {
  return lstatSync(join(directory, NAME), { throwIfNoEntry: false })?.isSocket() === true;
}

/** Resolves when the file is there. Rejects with the signal's reason when that aborts. */
export async function socketAppears(directory: string, signal: AbortSignal, clock: Clock): Promise<void> {
  const wakeup = new Wakeup(clock);
  const stop = notifyOfChanges(directory, wakeup);
  try {
    while (!hasSocket(directory)) await wakeup.next(signal, CHECK_MS);
  } finally {
    stop();
  }
}

function notifyOfChanges(directory: string, wakeup: Wakeup): () => void {
  try {
    const watcher = watch(directory, { persistent: false }, () => wakeup.notify("check"));
    watcher.on("error", () => watcher.close());
    return () => watcher.close();
  } catch {
    return () => {};
  }
}

/**
 * The path of a Unix socket has at most 107 bytes, and a data directory may be deeper: so it is connected to by way of an
 * open descriptor of the socket file, which is that file whatever happens to its name. Linux only, as are engines whose
 * containers share sockets with this machine. Throws ENOENT where there is no socket.
 */
export async function connectToSocket(directory: string): Promise<Socket> {
  const path = join(directory, NAME);
  const handle = await open(path, O_PATH | constants.O_NOFOLLOW);
  try {
    if (!(await handle.stat()).isSocket())
      throw Object.assign(new Error(`${path} is no socket`), { code: "ENOENT" });
    return await new Promise((resolve, reject) => {
      const socket = connect(`/proc/self/fd/${handle.fd}`);
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(socket);
      });
    });
  } finally {
    await handle.close();
  }
}
