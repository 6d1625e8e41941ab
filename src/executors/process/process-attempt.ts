/** The states of an attempt that is a process of this machine with a directory. There is nothing to pull. */
import { spawn } from "node:child_process";
import type { AttemptExit, LogSink } from "../../domain/attempt.ts";
import { messageOf } from "../../domain/errors.ts";
import { createBackoff } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { errnoOf } from "../../lib/errno.ts";
import { isShortage } from "../../lib/shortage.ts";
import type { After, Ended } from "../attempt-chart.ts";
import { AttemptEnded, type AttemptWork } from "../attempt-machine.ts";
import { refuseOptions, type AttemptDemands, type Refusal } from "../attempt-options.ts";
import type { AttemptObserver, AttemptSpec } from "../executor.ts";
import { Wakeup } from "../wakeup.ts";
import type { AttemptDirectory } from "./attempt-directory.ts";
import { watchDirectory } from "../output/directory-watch.ts";
import { followOutput, type OutputFollower } from "../output/output-follower.ts";
import { RETRY_BACKOFF } from "../retry-backoff.ts";

export interface ProcessAttemptContext {
  readonly directory: AttemptDirectory;
  readonly spec: AttemptSpec;
  readonly sink: LogSink;
  readonly observer: AttemptObserver;
  readonly env: NodeJS.ProcessEnv;
  /** Of it, what nobody but this server has set. */
  readonly defaults: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Its output is copied to the log while the process goes on. */
export interface HeldProcess {
  readonly output: OutputFollower;
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

/** It would not start a second time either. */
const TOO_LONG: AttemptExit = {
  reason: "start_failed",
  outOfMemory: false,
  code: "ARGUMENTS_TOO_LONG",
  message:
    "the process could not be started: it was given more arguments and environment variables than the system allows",
  hint: "one variable or argument may have 128 KiB, all together 2 MiB: give the task large values as inputs or as flyte.io.File, not in env_vars",
};

/** A reuse policy allows workers, and promises none: here each attempt is a process of its own. */
const HONOURED = ["secretVariables", "reuse"] as const;
/** For changes of which the system gave no notice. */
const SWEEP_MS = 5_000;
/** Writes that follow each other this closely are read together. */
const GATHER_MS = 20;
/** The shell needs a moment to write its number, and a moment to write the exit code. */
const MISSING_CHECKS = 8;
const MISSING_CHECK_MS = 250;

export function refusal(demands: AttemptDemands): Refusal | undefined {
  return refuseOptions(demands, HONOURED, "the process executor");
}

export class ProcessAttempt implements AttemptWork<HeldProcess> {
  readonly #context: ProcessAttemptContext;
  readonly #wakeup: Wakeup;
  #output: OutputFollower | undefined;
  #unwatch: () => void = () => {};

  constructor(context: ProcessAttemptContext) {
    this.#context = context;
    this.#wakeup = new Wakeup(context.clock);
  }

  async find(signal: AbortSignal): Promise<After<HeldProcess, "finding">> {
    const { directory, spec, sink, clock } = this.#context;
    const refused = refusal(spec);
    if (refused !== undefined) throw new AttemptEnded(refused);
    const [end, startedAt] = await this.#known(async () => {
      await directory.create(spec.key);
      return [await directory.end(), await directory.startedAt()] as const;
    }, signal);
    this.#output = await followOutput(directory.path, sink, clock);
    this.#unwatch = watchDirectory(directory.path, this.#wakeup);
    const handle = { output: this.#output };
    if (end !== undefined) return { name: "ending", handle, startedAt };
    if (startedAt !== undefined) return { name: "running", handle, startedAt };
    return { name: "created", handle };
  }

  async pull(): Promise<After<HeldProcess, "pulling">> {
    return { name: "finding" };
  }

  async prepare(handle: HeldProcess): Promise<After<HeldProcess, "created">> {
    const { observer, defaults } = this.#context;
    const added = Object.keys(defaults).length > 0 && { defaults };
    observer.prepared({ engine: "process", adaptations: [], ...added });
    return { name: "starting", handle };
  }

  async launch(handle: HeldProcess, signal: AbortSignal): Promise<After<HeldProcess, "starting">> {
    try {
      await this.#known(() => this.#spawn(), signal, isShortage);
    } catch (error) {
      if (signal.aborted) throw error;
      if (errnoOf(error) === "E2BIG") throw new AttemptEnded(TOO_LONG);
      const message = `/bin/sh could not be started: ${messageOf(error)}`;
      throw new AttemptEnded({ reason: "lost", outOfMemory: false, code: "EXECUTOR_FAILED", message });
    }
    return { name: "running", handle, startedAt: this.#context.clock.now() };
  }

  #spawn(): Promise<void> {
    const { directory, spec, env } = this.#context;
    const args = ["-c", LAUNCHER, "boxkite-attempt", directory.path, ...spec.command, ...spec.args];
    return new Promise((resolve, reject) => {
      const child = spawn("/bin/sh", args, { cwd: directory.work, env, detached: true, stdio: "ignore" });
      child.once("spawn", resolve).once("error", reject);
      child.once("exit", () => this.#wakeup.notify("ended"));
      child.unref();
    });
  }

  async watch(handle: HeldProcess, signal: AbortSignal): Promise<After<HeldProcess, "running">> {
    const { directory } = this.#context;
    for (let missing = 0; ;) {
      await handle.output.read();
      const state = await this.#known(async () => {
        if ((await directory.end()) !== undefined) return "ended";
        return (await directory.isAlive()) ? "alive" : "missing";
      }, signal);
      if (state === "ended") return { name: "ending", handle, startedAt: undefined };
      const isAlive = state === "alive";
      missing = isAlive ? 0 : missing + 1;
      if (missing > MISSING_CHECKS) return { name: "ending", handle, startedAt: undefined };
      await (isAlive ? this.#untilDue(handle, signal) : this.#wakeup.next(signal, MISSING_CHECK_MS));
    }
  }

  /** Copies output until the state is to be read again: output says nothing of an end, of which there is a notice. */
  async #untilDue(handle: HeldProcess, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    const due = clock.now() + SWEEP_MS;
    for (;;) {
      const reason = await this.#wakeup.next(signal, Math.max(1, due - clock.now()));
      if (reason === "ended" || clock.now() >= due) return;
      await this.#wakeup.gather(signal, GATHER_MS);
      await handle.output.read();
    }
  }

  async stop(_: HeldProcess, graceMs: number): Promise<void> {
    await this.#context.directory.stop(graceMs, this.#context.clock);
    this.#wakeup.notify("ended");
  }

  async conclude(handle: HeldProcess, _: boolean, signal: AbortSignal): Promise<Ended> {
    const { directory, clock } = this.#context;
    await handle.output.finish();
    const [end, startedAt = clock.now()] = await this.#known(
      async () => [await directory.end(), await directory.startedAt()] as const,
      signal,
    );
    if (end !== undefined) {
      const endedAt = Math.max(end.atMs, startedAt);
      const { exitCode } = end;
      return { name: "ended", exit: { reason: "exited", exitCode, outOfMemory: false, startedAt, endedAt } };
    }
    const message = "the process vanished without an exit code";
    const times = { startedAt, endedAt: clock.now() };
    return { name: "ended", exit: { reason: "lost", outOfMemory: false, message, ...times } };
  }

  async close(): Promise<void> {
    this.#unwatch();
    // Behind the read that is under way: the next follower goes on where this one ends.
    await this.#output?.read();
  }

  /** Asks until there is an answer: what cannot be read now is unknown, and does not count as an end. */
  async #known<T>(
    ask: () => Promise<T>,
    signal: AbortSignal,
    isPassing: (error: unknown) => boolean = () => true,
  ): Promise<T> {
    const { clock, observer, log } = this.#context;
    const backoff = createBackoff(RETRY_BACKOFF, clock);
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (signal.aborted || !isPassing(error)) throw error;
        log.warn("an attempt's state could not be read, and will be read again", { error });
        observer.progress(`waiting for this machine: ${messageOf(error)}`);
        await backoff.wait(signal);
      }
    }
  }
}
