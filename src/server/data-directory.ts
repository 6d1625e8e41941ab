/** The directory that holds all state, and the lock that keeps a second server out of it. */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, unlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { BoxkiteError, messageOf } from "../domain/errors.ts";

export interface DataDirectory {
  readonly path: string;
  readonly ephemeral: boolean;
  /** Unlocks it; an ephemeral one is removed. */
  close(): Promise<void>;
}

export function defaultDataDirectory(env: NodeJS.ProcessEnv): string {
  return join(env["XDG_DATA_HOME"] || join(homedir(), ".local", "share"), "boxkite");
}

/** Throws DATA_DIRECTORY_UNUSABLE when it cannot be made or another server uses it. */
export async function openDataDirectory(path: string | undefined): Promise<DataDirectory> {
  const directory = path === undefined ? await mkdtemp(join(tmpdir(), "boxkite-")) : resolve(path);
  // What is in it opens all objects: it is for its owner only.
  await mkdir(directory, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new BoxkiteError(
      "DATA_DIRECTORY_UNUSABLE",
      `cannot make the data directory ${directory}: ${messageOf(error)}`,
      {
        hint: "name another one with --data",
        cause: error,
      },
    );
  });
  const lock = await takeLock(directory);
  return {
    path: directory,
    ephemeral: path === undefined,
    close: async () => {
      await new Promise((done) => lock.close(done));
      if (path === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

/**
 * A socket is a lock that a crash releases: its file stays, but nobody answers. It stands outside of
 * the directory because the path of a socket may not be longer than about 100 characters.
 */
async function takeLock(directory: string): Promise<Server> {
  const name = createHash("sha256").update(directory).digest("hex").slice(0, 24);
  const path = join(tmpdir(), `boxkite-${name}.lock`);
  for (;;) {
    const server = await listenOn(path);
    if (server !== undefined) return server;
    const holder = await askHolder(path);
    if (holder !== undefined) {
      throw new BoxkiteError(
        "DATA_DIRECTORY_UNUSABLE",
        `another server (pid ${holder}) uses the data directory ${directory}`,
        {
          hint: "end it, or name another directory with --data",
        },
      );
    }
    await unlink(path).catch(() => {});
  }
}

function listenOn(path: string): Promise<Server | undefined> {
  return new Promise((resolvePromise, reject) => {
    const server = createServer((socket) => socket.end(String(process.pid)));
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolvePromise(undefined);
      else reject(error);
    });
    // The lock alone does not keep the process alive.
    server.listen(path, () => resolvePromise(server.unref()));
  });
}

function askHolder(path: string): Promise<string | undefined> {
  return new Promise((resolvePromise) => {
    let answer = "";
    const socket = connect(path);
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => (answer += text));
    socket.on("error", () => resolvePromise(undefined));
    socket.on("end", () => resolvePromise(answer));
  });
}
