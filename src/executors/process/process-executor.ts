/**
 * Attempts as processes of this machine: for tests, and for machines without a container engine. There
 * is no image and no isolation; limits are not enforced. Each attempt has a directory of its own, which
 * holds all that is needed to take the process up again after the server was restarted.
 */
import type { AttemptExit, AttemptKey, LogSink } from "../../domain/attempt.ts";
import type { ResolvedImage } from "../../domain/image.ts";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { mkdir, readFile, readdir, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BoxkiteError } from "../../domain/errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { AttemptObserver, AttemptSpec, Executor } from "../executor.ts";
import type { Logger } from "../../lib/log.ts";
import { machineCapacity } from "../machine.ts";
import { followOutput, type OutputFollower } from "./output-follower.ts";
import { readAttemptKey } from "./attempt-key-file.ts";
import { isOurProcess, stopGroup } from "../../lib/process-group.ts";
import { writeAtomically } from "./write-atomically.ts";

export interface ProcessExecutorOptions {
  /** Where attempts keep their directories; private to one server instance. */
  readonly directory: string;
  /** Directories searched for the attempt's command before the server's own PATH. */
  readonly path: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The first act of the shell is to take the lock: of two starts of one attempt, the second ends at
 * once. Traps are reset in its child, so a SIGTERM to the group ends the task and not the bookkeeping.
 */
const LAUNCHER = `
dir=$1; shift
mkdir "$dir/lock" 2>/dev/null || exit 0
echo $$ >"$dir/pid.tmp" && mv "$dir/pid.tmp" "$dir/pid"
trap : TERM INT
"$@" >"$dir/stdout" 2>"$dir/stderr"
echo $? >"$dir/exit.tmp" && mv "$dir/exit.tmp" "$dir/exit"
`;

/** Nothing else of the server's environment reaches a task: no client configuration, no cloud keys. */
const INHERITED =
  /^(PATH|LANG|LC_[A-Z]+|TZ|TMPDIR|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)$/u;

/** What a shell says of a child that SIGKILL ended. */
const KILLED = 128 + 9;

/** How often a process that is not our child is looked at. */
const LOOK_MS = 100;

export function createProcessExecutor(options: ProcessExecutorOptions): Executor {
  const { directory, clock } = options;
  const followers = new Set<{ stop(): Promise<void> }>();
  const directoryOf = (key: AttemptKey) => join(directory, directoryName(key));

  const launch = (spec: AttemptSpec, dir: string) => {
    const child = spawn("/bin/sh", ["-c", LAUNCHER, "boxkite-attempt", dir, ...spec.command, ...spec.args], {
      cwd: join(dir, "work"),
      env: environment(options, spec, dir),
      detached: true,
      stdio: "ignore",
    });
    child.unref();
    return child;
  };

  const watch = (dir: string, output: OutputFollower, observer: AttemptObserver, startedAt: number) => {
    let timer: NodeJS.Timeout | undefined;
    let missing = 0;
    let stopped = false;
    const look = async () => {
      await output.read();
      const code = await readNumber(join(dir, "exit"));
      if (code !== undefined) return end({ exitCode: code, reason: "exited", outOfMemory: false, startedAt });
      const pid = await readNumber(join(dir, "pid"));
      // The shell needs a moment to write its number, and a moment to write the exit code.
      missing = pid !== undefined && (await isOurProcess(pid, dir)) ? 0 : missing + 1;
      if (missing * LOOK_MS > 2_000) {
        return end({
          reason: "lost",
          outOfMemory: false,
          message: "the process vanished without an exit code",
          startedAt,
        });
      }
      if (!stopped) timer = setTimeout(() => void look(), LOOK_MS);
      return undefined;
    };
    const end = async (exit: AttemptExit) => {
      if (stopped) return;
      stopped = true;
      followers.delete(handle);
      await output.finish();
      observer.ended({ ...exit, endedAt: clock.now() });
    };
    const handle = {
      stop: () => {
        stopped = true;
        clearTimeout(timer);
        // Behind the read that is under way: the next follower goes on where this one ends.
        return output.read();
      },
      look: () => {
        clearTimeout(timer);
        if (!stopped) void look();
      },
    };
    followers.add(handle);
    void look();
    return handle;
  };

  return {
    description: "process (this machine's own programs: no images, no isolation)",
    capacity: machineCapacity(),
    endpointForAttempts: (port) => `127.0.0.1:${port}`,
    resolveImage: async (reference): Promise<ResolvedImage> => ({
      reference,
      pinned: reference,
      digest: "none",
      source: "host",
      note: "the process executor runs no images",
    }),
    start: async (spec: AttemptSpec, logs: LogSink, observer: AttemptObserver) => {
      const dir = directoryOf(spec.key);
      await mkdir(join(dir, "work"), { recursive: true });
      const known = await readFile(join(dir, "key.json"), "utf8").catch(() => undefined);
      if (known === undefined) await writeAtomically(join(dir, "key.json"), JSON.stringify(spec.key));
      const startedAt = clock.now();
      const output = await followOutput(dir, logs, clock);
      if (existsSync(join(dir, "exit")) || existsSync(join(dir, "lock"))) {
        observer.started(startedAt);
        watch(dir, output, observer, startedAt);
        return;
      }
      const child = launch(spec, dir);
      const handle = watch(dir, output, observer, startedAt);
      child.once("spawn", () => observer.started(clock.now()));
      child.once("exit", () => handle.look());
      child.once("error", (error) =>
        logs.write("system", `/bin/sh could not be started: ${error.message}`, clock.now()),
      );
    },
    stop: async (key, graceMs) => {
      const dir = directoryOf(key);
      // One that was started a moment ago has not written its number yet.
      for (let tries = 0; tries < 20 && existsSync(dir) && !existsSync(join(dir, "pid")); tries++)
        await sleep(LOOK_MS);
      const pid = await readNumber(join(dir, "pid"));
      if (pid === undefined || existsSync(join(dir, "exit")) || !(await isOurProcess(pid, dir))) return;
      const killed = await stopGroup(pid, graceMs, () => existsSync(join(dir, "exit")));
      // The shell that would have written it was killed as well.
      if (killed && !existsSync(join(dir, "exit"))) await writeAtomically(join(dir, "exit"), String(KILLED));
    },
    release: (key) => rm(directoryOf(key), { recursive: true, force: true }),
    list: async () => {
      const names = await readdir(directory).catch(() => []);
      const keys = await Promise.all(
        names.map((name) => readAttemptKey(join(directory, name, "key.json"), options.log)),
      );
      return keys.filter((key) => key !== undefined);
    },
    close: async () => {
      const stopping = [...followers].map((follower) => follower.stop());
      followers.clear();
      await Promise.all(stopping);
    },
  };
}

const RUNTIMES = ["a0", "a0-ts"];

/**
 * The directory in which a task runtime is found (`a0` for Python, `a0-ts` for TypeScript), from the
 * interpreter given with --python or from PATH. Throws CONFIG_INVALID where there is none.
 */
export function findRuntime(python: string | undefined, env: NodeJS.ProcessEnv): readonly string[] {
  const candidates =
    python === undefined
      ? (env["PATH"] ?? "").split(delimiter)
      : [
          statSync(python, { throwIfNoEntry: false })?.isDirectory()
            ? join(python, "bin")
            : join(python, ".."),
        ];
  const has = (directory: string) => RUNTIMES.some((name) => existsSync(join(directory, name)));
  const found = candidates.find((candidate) => candidate !== "" && has(candidate));
  if (found !== undefined) return [found];
  const where = python === undefined ? "on PATH" : `beside ${python}`;
  throw new BoxkiteError(
    "CONFIG_INVALID",
    `the process executor needs the program a0, and there is none ${where}`,
    {
      hint: "python3 -m venv .venv && .venv/bin/pip install flyte, then --python .venv/bin/python",
    },
  );
}

/** How many attempts a machine of this size runs at the same time. */
export function defaultParallelism(): number {
  return Math.max(2, availableParallelism() * 2);
}

function environment(
  options: ProcessExecutorOptions,
  spec: AttemptSpec,
  dir: string,
): Record<string, string> {
  const inherited = Object.entries(options.env).filter(
    ([name, value]) => INHERITED.test(name) && value !== undefined,
  );
  const env = Object.fromEntries(inherited) as Record<string, string>;
  const path = [...options.path, env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"].join(delimiter);
  return { ...env, PATH: path, HOME: join(dir, "work"), ...spec.env };
}

function directoryName(key: AttemptKey): string {
  const hash = createHash("sha256").update(
    JSON.stringify([key.project, key.domain, key.run, key.action, key.attempt]),
  );
  return hash.digest("hex").slice(0, 32);
}

async function readNumber(file: string): Promise<number | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  const number = Number.parseInt(text, 10);
  return Number.isNaN(number) ? undefined : number;
}
