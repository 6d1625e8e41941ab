/** The socket file of a worker: whether it is there, when it appears, and connecting to it. */
import { existsSync, watch } from "node:fs";
import { open } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { Clock } from "../../lib/clock.ts";
import { Wakeup } from "../wakeup.ts";

const NAME = "socket";
/** The system's notice may be missing (no descriptor is free): so the file is checked from time to time in any case. */
const CHECK_MS = 1_000;

export function hasSocket(directory: string): boolean {
  return existsSync(join(directory, NAME));
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
 * open descriptor of the directory. Linux only, as are engines whose containers share sockets with this machine.
 */
export async function connectToSocket(directory: string): Promise<Socket> {
  const handle = await open(directory, "r");
  try {
    return await new Promise((resolve, reject) => {
      const socket = connect(`/proc/self/fd/${handle.fd}/${NAME}`);
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
