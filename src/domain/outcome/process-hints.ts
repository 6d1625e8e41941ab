/** Errors of a program that met a limit of the machine, or whose helpers died. */
import { explainSignal, signalNamed } from "./signals.ts";
import type { HintRow } from "./hint-row.ts";
import { killedText, limitText, moreMemory } from "./memory.ts";

/** EAGAIN of fork(2) and clone(2), in the words of Python, shells, and C. */
const NO_MORE_PROCESSES =
  /\[Errno 11\]|can't start new thread|cannot fork|pthread_create|(?:fork|spawn)\b.*(?:EAGAIN|temporarily unavailable)/iu;
const FEWER_PROCESSES =
  "start fewer at a time; who runs the server can raise max-processes in its settings file, for all or in a pod template";

/** The kernel's own word. */
export function processLimitText(limit: number): string {
  return `the kernel refused it more than ${limit.toLocaleString("en-US")} processes and threads, the limit of its container: ${FEWER_PROCESSES}`;
}

export const PROCESS_HINTS: readonly HintRow[] = [
  {
    name: "a process of the container was killed for memory",
    hint: (_, facts) => {
      const { outOfMemory, memoryKills = [] } = facts.exit;
      if (!outOfMemory) return undefined;
      const which = killedText(memoryKills);
      const who = which === undefined ? "a process of the task" : `a process of the task, ${which},`;
      return `${who} was killed for using more memory than the limit${limitText(facts)}: ${moreMemory(facts)}`;
    },
  },
  {
    name: "a process or thread that could not be started",
    hint: ({ message }, { exit, isContainer }) => {
      if (exit.processLimit !== undefined) return processLimitText(exit.processLimit);
      return isContainer && NO_MORE_PROCESSES.test(message)
        ? `if it starts processes or threads, it may have more than its container is allowed: ${FEWER_PROCESSES}`
        : undefined;
    },
  },
  {
    name: "shared memory is full",
    hint: ({ message }, { isContainer, program }) => {
      if (!/insufficient shared memory|\(shm\)|bus error|\/dev\/shm.*no space left/isu.test(message))
        return undefined;
      const signal = signalNamed("SIGBUS");
      return signal && explainSignal(signal, { isContainer, language: program.language });
    },
  },
  {
    name: "a process that the task started was killed by a signal",
    hint: ({ message }, { isContainer, program }) => {
      const [, name = ""] =
        /died with <Signals\.(SIG[A-Z0-9]+)|killed by signal: (?:\w+)/u.exec(message) ?? [];
      const signal = signalNamed(name);
      return signal && `${name}: ${explainSignal(signal, { isContainer, language: program.language })}`;
    },
  },
  {
    name: "a worker process ended suddenly",
    hint: ({ code, message }, facts) =>
      /^(?:BrokenProcessPool|TerminatedWorkerError|WorkerLostError|BrokenExecutor)$/u.test(code) ||
      /worker.*(?:exited unexpectedly|killed by signal)|terminated abruptly/isu.test(message)
        ? `the worker was killed or crashed, and its own error is nowhere; ${facts.isContainer ? `no kill for memory is known. It may` : "it may"} have crashed in native code: with faulthandler.enable() in the worker, the log shows where`
        : undefined,
  },
  {
    name: "no space left where the task writes",
    hint: ({ message }, { isContainer }) =>
      /\[Errno 28\]|ENOSPC|no space left on device/iu.test(message)
        ? `the disk that the task writes to is full: ${isContainer ? "that of the engine's storage, or a volume; podman system prune or docker system prune frees what is unused" : "free some space on this machine"}`
        : undefined,
  },
  {
    name: "memory that could not be had",
    hint: ({ code, message }, facts) =>
      code === "MemoryError" || /\[Errno 12\]|cannot allocate memory/iu.test(message)
        ? `it asked for more memory than there is, at once; if the task has a limit, ${moreMemory(facts)}`
        : undefined,
  },
];
