/** Runs `podman system service` as a child process, if podman is installed but its service does not run. */
import { spawn, type ChildProcess } from "node:child_process";
import { constants } from "node:fs";
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import type { Logger } from "../lib/log.ts";
import { createBackoff } from "../lib/backoff.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { connectEngine, type EngineApi } from "./api.ts";

export interface PodmanService {
  readonly api: EngineApi;
  /** Ends the service; containers keep running. */
  close(): Promise<void>;
}

/** Usually half a second, but a build or pull elsewhere may hold a lock of the storage for long. */
const START_TIMEOUT_MS = 60_000;
/** The interval at which the service is polled until it answers. */
const POLL_MS = 20;
/** A socket's path may have 107 bytes, including the names of the directory and of the socket. */
const MAX_DIRECTORY_BYTES = 80;

/**
 * The shell ends the service when its standard input is closed, which happens when this process ends, even if
 * it is killed. Otherwise each crash would leave a service and its directory behind. The shell exits with the
 * service.
 */
const SCRIPT = `exec 3<&0
socket=$1; shift
"$@" system service --time=0 "unix://$socket" </dev/null 3<&- & service=$!
{ while read -r _; do :; done; rm -rf "\${socket%/*}"; kill "$service"; } <&3 2>/dev/null & watcher=$!
trap 'kill "$service" 2>/dev/null' TERM INT
while kill -0 "$service" 2>/dev/null; do wait "$service"; code=$?; done
kill "$watcher" 2>/dev/null
exit "$code"`;

export interface PodmanServiceOptions {
  readonly program: string;
  /** Of the program, in front of its command: `["--runtime", "runsc"]`. */
  readonly options?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  readonly clock?: Clock;
}

/** Throws ENGINE_UNREACHABLE with podman's output if it does not answer in time. */
export async function startPodmanService(options: PodmanServiceOptions): Promise<PodmanService> {
  const directory = await makeSocketDirectory(options.env);
  const socketPath = join(directory, "podman.sock");
  const { clock = systemClock } = options;
  const keeper = createKeeper({ ...options, clock, socketPath });
  try {
    const api = await waitForAnswer(socketPath, keeper, clock);
    return {
      api,
      close: async () => {
        api.close();
        await keeper.close();
        await rm(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await keeper.close();
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** The program's full path, or undefined. */
export async function findProgram(name: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const directory of (env.PATH ?? "").split(delimiter)) {
    if (directory === "") continue;
    const program = join(directory, name);
    try {
      await access(program, constants.X_OK);
      return program;
    } catch {
      // Not here; the next directory of PATH.
    }
  }
  return undefined;
}

/** Accessible to this user only: write access to the socket allows everything that podman can do. */
function makeSocketDirectory(env: NodeJS.ProcessEnv): Promise<string> {
  const parent = [env.XDG_RUNTIME_DIR, env.TMPDIR].find(
    (each) => each && Buffer.byteLength(each) < MAX_DIRECTORY_BYTES,
  );
  return mkdtemp(join(parent ?? tmpdir(), "boxkite-podman-"));
}

interface Keeper {
  /** The last output of the service. */
  readonly output: () => string;
  /** How it ended, if it did so by itself. */
  readonly exited: () => string | undefined;
  close(): Promise<void>;
}

/** Restarts the service when it ends by itself; attempts wait for their engine for some time. */
function createKeeper({
  program,
  options = [],
  env,
  log,
  socketPath,
  clock,
}: PodmanServiceOptions & { socketPath: string; clock: Clock }): Keeper {
  const closing = new AbortController();
  const backoff = createBackoff({ baseMs: 200, factor: 2, capMs: 10_000 }, clock);
  let output = "";
  let exited: string | undefined;
  let child: ChildProcess | undefined;

  const run = async (): Promise<void> => {
    const started = spawn("/bin/sh", ["-c", SCRIPT, "sh", socketPath, program, ...options], {
      env,
      // The monitors of its containers leave a file named "oom" in their working directory.
      cwd: dirname(socketPath),
      stdio: ["pipe", "ignore", "pipe"],
      // A process group of its own: Ctrl-C in the terminal must reach only this process, which ends the service later.
      detached: true,
    });
    child = started;
    started.stderr?.on("data", (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4000);
    });
    started.stdin?.on("error", () => {});
    exited = await new Promise((resolve) => {
      started.once("error", (error) => resolve(error.message));
      started.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
  };

  const keep = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      // Where the old socket cannot be removed, the service fails, and says why in its output.
      await rm(socketPath, { force: true }).catch(() => {});
      if (closing.signal.aborted) return;
      await run().catch((error: unknown) => void (exited = messageOf(error)));
      if (closing.signal.aborted) return;
      log.warn("podman system service ended; restarting it", { exited, output });
      await backoff.wait(closing.signal).catch(() => {});
    }
  };
  const kept = keep();

  return {
    output: () => output.trim(),
    exited: () => exited,
    close: async () => {
      closing.abort();
      child?.stdin?.end();
      child?.kill("SIGTERM");
      await kept;
    },
  };
}

async function waitForAnswer(socketPath: string, keeper: Keeper, clock: Clock): Promise<EngineApi> {
  const deadlineMs = clock.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      return await connectEngine({ kind: "unix", socketPath }, { clock });
    } catch (error) {
      if (clock.now() < deadlineMs && keeper.exited() === undefined) {
        await clock.sleep(POLL_MS);
        continue;
      }
      const output = keeper.output() || keeper.exited() || "it wrote nothing";
      throw new BoxkiteError("ENGINE_UNREACHABLE", `podman system service did not start: ${output}`, {
        hint: "try it by hand: podman info",
        cause: error,
      });
    }
  }
}
