/**
 * The signals by which a process ends, with cause and cure. Numbers are Linux', x86-64 and arm64 (signal(7)).
 * docs/exit-codes.md is made from it.
 */
export interface Signal {
  readonly number: number;
  readonly name: string;
  readonly means: string;
  readonly cause: string;
  /** A cause besides, or more of it, where it ran in a container. */
  readonly inContainer?: string;
  /** What to do; `process` and `typescript` where it is another thing for a process of this machine, or for TypeScript. */
  readonly cure: string;
  readonly process?: string;
  readonly typescript?: string;
}

const FAULT_HANDLER =
  'set PYTHONFAULTHANDLER: env_vars={"PYTHONFAULTHANDLER": "1"} in the task\'s environment, and the log shows where in the Python code it happened';
const ADD_ON =
  "a native add-on is to blame, or Node itself: try without it, or with the version built for the image's Node and libc";

export const SIGNALS: readonly Signal[] = [
  {
    number: 1,
    name: "SIGHUP",
    means: "hang-up",
    cause: "the program that started it ended, or somebody sent it",
    cure: "see what in the task, or in a script that starts it, ends early",
  },
  {
    number: 2,
    name: "SIGINT",
    means: "interrupted, as by Ctrl-C",
    cause: "somebody or something sent it, such as a library's own supervisor of processes",
    cure: "see the end of the log for what was stopped",
  },
  {
    number: 3,
    name: "SIGQUIT",
    means: "asked to quit",
    cause: "somebody sent it",
    inContainer: "or it is the image's STOPSIGNAL, as in images of nginx and php",
    cure: "see who sends it",
  },
  {
    number: 4,
    name: "SIGILL",
    means: "illegal instruction",
    cause: "a native library uses instructions that this processor does not have (AVX, AVX-512, SVE …)",
    cure: "use a build of the library for this processor (an older one, or compiled here), or run on a newer machine; `lscpu` lists what it has",
  },
  {
    number: 5,
    name: "SIGTRAP",
    means: "trap",
    cause: "a check in native code failed, or a debugger's breakpoint was hit without a debugger",
    cure: FAULT_HANDLER,
    typescript: ADD_ON,
  },
  {
    number: 6,
    name: "SIGABRT",
    means: "aborted",
    cause:
      "native code gave up: a failed assertion, an exception of C++ that nobody caught, memory that was freed twice",
    cure: `the log's last lines often name it; else ${FAULT_HANDLER}`,
    typescript:
      'where the log says "heap out of memory": NODE_OPTIONS=--max-old-space-size=4096 in the task\'s env, and a memory limit above it',
  },
  {
    number: 7,
    name: "SIGBUS",
    means: "bus error",
    cause: "shared memory (/dev/shm) is full, or a mapped file became shorter",
    inContainer: "containers have 64 MB of it unless the task asks for more",
    cure: 'give the task shared memory: resources=flyte.Resources(shm="auto"), or a size such as shm="2Gi"',
    process: "free some of /dev/shm on this machine",
    typescript: 'give the task shared memory: resources: { shm: "auto" }, or a size such as "2Gi"',
  },
  {
    number: 8,
    name: "SIGFPE",
    means: "arithmetic error",
    cause: "native code divided an integer by zero, or its result did not fit",
    cure: FAULT_HANDLER,
    typescript: ADD_ON,
  },
  {
    number: 9,
    name: "SIGKILL",
    means: "killed",
    cause:
      "not for the task's own memory limit, as far as the engine reports: somebody killed it, or this machine ran out of memory",
    cure: "`journalctl -k | grep -i oom` on the machine of the engine shows the latter; give the task a memory request, so that fewer run at once",
    process:
      "`journalctl -k | grep -i oom` on this machine shows the latter; give the task a memory request, so that fewer run at once",
  },
  {
    number: 10,
    name: "SIGUSR1",
    means: "a signal of the user's own",
    cause: "something sent it before the program was ready for it",
    cure: "see who sends it",
  },
  {
    number: 11,
    name: "SIGSEGV",
    means: "segmentation fault",
    cause: "a native library used memory that it may not",
    inContainer: "abort() in the first process of a container ends like this, too",
    cure: `${FAULT_HANDLER}; libraries built for other versions of each other (numpy, CUDA, libc) are the usual reason`,
    typescript: ADD_ON,
  },
  {
    number: 12,
    name: "SIGUSR2",
    means: "a signal of the user's own",
    cause: "something sent it before the program was ready for it",
    cure: "see who sends it",
  },
  {
    number: 13,
    name: "SIGPIPE",
    means: "broken pipe",
    cause: "it wrote to a pipe or connection whose reader is gone",
    cure: "see which program the task pipes its output to, and why that ended",
  },
  {
    number: 14,
    name: "SIGALRM",
    means: "its timer ran out",
    cause: "the program, or a library for time limits, had set signal.alarm",
    cure: "raise that limit, or use flyte's own: timeout= on the task",
    typescript: "raise that limit, or use the task's own timeout",
  },
  {
    number: 15,
    name: "SIGTERM",
    means: "asked to end",
    cause:
      "not by this run, which was neither aborted nor out of time: somebody stopped it, or the machine was shutting down",
    cure: "see who stops containers on this machine (`podman stop`, `docker stop`, a clean-up job), then rerun",
    process: "see who stops processes on this machine, then rerun",
  },
  {
    number: 24,
    name: "SIGXCPU",
    means: "used more processor time than its limit",
    cause: "`ulimit -t`, set by a script or by default",
    cure: "raise or remove that limit: ulimit -t unlimited, or default_ulimits in containers.conf",
    process: "raise or remove that limit: ulimit -t unlimited before the server is started",
  },
  {
    number: 25,
    name: "SIGXFSZ",
    means: "wrote a larger file than its limit",
    cause: "`ulimit -f`, set by a script or by default",
    cure: "raise or remove that limit: ulimit -f unlimited, or default_ulimits in containers.conf",
    process: "raise or remove that limit: ulimit -f unlimited before the server is started",
  },
  {
    number: 26,
    name: "SIGVTALRM",
    means: "its timer ran out",
    cause: "the program, or a library for time limits or profiles, had set a timer of processor time",
    cure: "raise that limit, or leave the profiler out",
  },
  {
    number: 27,
    name: "SIGPROF",
    means: "its profiling timer ran out",
    cause: "a profiler set its timer, and was not ready for the signal",
    cure: "leave the profiler out, or start it before other threads",
  },
  {
    number: 31,
    name: "SIGSYS",
    means: "a system call that is forbidden",
    cause: "a seccomp profile forbids a system call that the program makes",
    cure: "see which (`dmesg | grep SECCOMP`); a newer engine and libseccomp know more calls",
    process: "see which: dmesg | grep SECCOMP",
  },
];

/** Without a row: signals that programs seldom end by, and real-time signals. */
const OTHER = {
  means: "a signal",
  cause: "something sent it, and the program was not ready for it",
  cure: "see the end of the log for what was under way",
} as const;
const LAST_SIGNAL = 64;
const FIRST_REAL_TIME = 34;

/** By its number; undefined where there is no such signal. */
export function signalOf(number: number): Signal | undefined {
  if (!(number >= 1 && number <= LAST_SIGNAL)) return undefined;
  const known = SIGNALS.find((signal) => signal.number === number);
  if (known !== undefined) return known;
  const name = number < FIRST_REAL_TIME ? `signal ${number}` : `SIGRTMIN+${number - FIRST_REAL_TIME}`;
  return { number, name, ...OTHER };
}

/** By its name, as Python's subprocess quotes it. */
export function signalNamed(name: string): Signal | undefined {
  return SIGNALS.find((signal) => signal.name === name);
}

export interface SignalReader {
  readonly isContainer: boolean;
  readonly language: "python" | "typescript" | undefined;
}

/** Cause and cure, in one sentence. */
export function explainSignal(signal: Signal, { isContainer, language }: SignalReader): string {
  const own = isContainer ? undefined : signal.process;
  const cure = own ?? (language === "typescript" ? signal.typescript : undefined) ?? signal.cure;
  const more = isContainer ? signal.inContainer : undefined;
  return [signal.cause, more, cure].filter((text) => text !== undefined).join("; ");
}
