import assert from "node:assert/strict";
import { test } from "node:test";
import {
  errorWritten,
  evidenceOf,
  failureOf,
  HOST,
  PYTHON,
  TYPESCRIPT,
  type MoreEvidence,
} from "../../../test/helpers/evidence.ts";

const BAKED = { ...PYTHON, code: "baked" } as const;
const PICKLED = { ...PYTHON, code: "pickled" } as const;
const KILLED = {
  outOfMemory: true,
  memoryKills: [{ process: "python3", of: "limit", bytes: 449 * 2 ** 20 }],
} as const;

interface Row {
  readonly name: string;
  /** The class of the exception, its message, and whether the task could not be loaded. */
  readonly error: readonly [code: string, message: string, whileLoading: boolean];
  readonly more?: MoreEvidence;
  /** Absent: no hint at all. */
  readonly hint?: RegExp;
}

const ROWS: readonly Row[] = [
  {
    name: "a worker of a pool that was killed for memory",
    error: ["BrokenProcessPool", "A process in the process pool was terminated abruptly", false],
    more: { exit: KILLED, program: { ...PYTHON, memoryLimitBytes: 500 * 2 ** 20 } },
    hint: /^a process of the task, python3 \(449 MiB\), was killed .* the limit of 500 MiB: raise it: resources=/u,
  },
  {
    name: "a child process that was killed for memory, which nobody names",
    error: ["CalledProcessError", "died with <Signals.SIGKILL: 9>.", false],
    more: { exit: { outOfMemory: true } },
    hint: /^a process of the task was killed for using more memory than the limit: /u,
  },
  {
    name: "memory in TypeScript's words",
    error: ["Error", "worker exited", false],
    more: { exit: KILLED, program: TYPESCRIPT },
    hint: /resources: \{ memory: "4Gi" \}/u,
  },
  {
    name: "a process that the kernel refused",
    error: ["BlockingIOError", "[Errno 11] Resource temporarily unavailable", false],
    more: { exit: { processLimit: 4096 } },
    hint: /^the kernel refused it more than 4,096 processes and threads, .*max-processes/u,
  },
  ...[
    "[Errno 11] Resource temporarily unavailable",
    "can't start new thread",
    "spawn /bin/sh EAGAIN",
    "/bin/sh: fork: retry: Resource temporarily unavailable",
  ].map((message) => ({
    name: `a process that could not be started: ${message}`,
    error: ["Error", message, false] as const,
    hint: /^if it starts processes or threads, it may have more/u,
  })),
  {
    name: "a worker that died of something else",
    error: ["BrokenProcessPool", "A process in the process pool was terminated abruptly", false],
    hint: /^the worker was killed or crashed.*faulthandler/u,
  },
  {
    name: "a worker of joblib",
    error: [
      "TerminatedWorkerError",
      "A worker process managed by the executor was unexpectedly terminated.",
      false,
    ],
    hint: /^the worker was killed or crashed/u,
  },
  {
    name: "a worker of torch without shared memory",
    error: [
      "RuntimeError",
      "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's workers are out of shared memory.",
      false,
    ],
    hint: /\/dev\/shm.*shm="auto"/u,
  },
  {
    name: "a child process that crashed",
    error: ["CalledProcessError", "Command 'x' died with <Signals.SIGSEGV: 11>.", false],
    hint: /^SIGSEGV: a native library .*PYTHONFAULTHANDLER/u,
  },
  {
    name: "a disk that is full where the task writes",
    error: ["OSError", "[Errno 28] No space left on device: 'x'", false],
    hint: /disk that the task writes to is full.*engine's storage/u,
  },
  { name: "memory at once", error: ["MemoryError", "", false], hint: /more memory than there is/u },
  ...[
    "code() argument 13 must be str, not int",
    "code expected at most 16 arguments, got 18",
    "an integer is required (got type bytes)",
    "unsupported pickle protocol: 5",
    "bad marshal data (unknown type code)",
  ].map((message) => ({
    name: `a pickle of another Python: ${message}`,
    error: ["TypeError", message, true] as const,
    more: { program: PICKLED },
    hint: /pickled by another version of Python than image .* has: use the same minor version/u,
  })),
  {
    name: "a pickled task that fails to load with a class alone",
    error: ["EOFError", "Ran out of input", true],
    more: { program: PICKLED },
    hint: /pickled by another version of Python/u,
  },
  { name: "the same of code that was sent as source", error: ["EOFError", "Ran out of input", true] },
  {
    name: "a pickled name that the image lacks",
    error: [
      "AttributeError",
      "Can't get attribute 'Row' on <module 'team.rows' from '/app/team/rows.py'>",
      true,
    ],
    more: { program: PICKLED },
    hint: /^team\.rows in image .* has no Row: it is another version/u,
  },
  ...(["secrets", "random", "queue", "types", "calendar"] as const).map((module) => ({
    name: `a program called ${module}.py`,
    error: ["AttributeError", `module '${module}' has no attribute 'main'`, true] as const,
    more: { program: { ...PYTHON, module } },
    hint: new RegExp(
      `^${module} is also a module of Python's standard library.* ${module}\\.py another name$`,
      "u",
    ),
  })),
  {
    name: "a file that hides a standard module from a library",
    error: [
      "ImportError",
      "cannot import name 'Random' from partially initialized module 'random' (most likely due to a circular import) (/w/random.py)",
      true,
    ],
    hint: /^random is also a module of Python's standard library/u,
  },
  {
    name: "a standard module that has something of the task's name",
    error: ["AttributeError", "'function' object has no attribute 'native_interface'", true],
    more: { program: { ...PYTHON, module: "calendar" } },
    hint: /^calendar is also a module/u,
  },
  {
    name: "a name that is not the task",
    error: ["AttributeError", "'function' object has no attribute 'native_interface'", true],
    hint: /^main in the module flow is not a task there: another module of this name/u,
  },
  {
    name: "an installed package with the name of the program",
    error: ["AttributeError", "module 'flow' has no attribute 'main'", true],
    hint: /^another module flow is found before the one that was sent/u,
  },
  {
    name: "a baked module that is older",
    error: ["AttributeError", "module 'flow' has no attribute 'main'", true],
    more: { program: BAKED },
    hint: /^the module in registry.* is not the one .*without copy_style="none"$/u,
  },
  {
    name: "an attribute of another module, in code that was sent",
    error: ["AttributeError", "module 'numpy' has no attribute 'float'", true],
  },
  {
    name: "an attribute that the task itself lacks",
    error: ["AttributeError", "module 'secrets' has no attribute 'main'", false],
  },
  {
    name: "a package that is not in the image of a run whose code was sent",
    error: ["ModuleNotFoundError", "No module named 'pandas'", true],
    hint: /^is what the task imports installed in registry/u,
  },
  {
    name: "more inputs than the image's code takes",
    error: ["ValueError", "Received more input values 2 than allowed by the input spec 1", true],
    more: { program: BAKED },
    hint: /^the run has 2 inputs, which are a, extra, and the task as it was loaded takes 1; the code in registry\S+ is older .*rebuild and push/u,
  },
  {
    name: "an input that the image's code lacks",
    error: ["KeyError", "'extra'", true],
    more: { program: BAKED },
    hint: /^the task as it was loaded has no input extra; the code in registry/u,
  },
  {
    name: "an input that the function does not take",
    error: ["TypeError", "main() got an unexpected keyword argument 'extra'", false],
    more: { program: BAKED },
    hint: /^the task as it was loaded has no input extra/u,
  },
  {
    name: "an input that the image's code wants besides",
    error: ["TypeError", "main() missing 1 required positional argument: 'new'", false],
    more: { program: BAKED },
    hint: /^the task as it was loaded also wants the input new/u,
  },
  {
    name: "other inputs of code that was sent",
    error: ["TypeError", "main() got an unexpected keyword argument 'extra'", false],
    hint: /another one than this run was made from: is there a second copy of the module flow/u,
  },
  { name: "a key that is no input", error: ["KeyError", "'table'", false] },
  {
    name: "a call of another function",
    error: ["TypeError", "fit() got an unexpected keyword argument 'extra'", false],
  },
  {
    name: "a package of Node that is missing",
    error: ["Error", "Cannot find package 'zod' imported from /app/flow.ts", true],
    more: { program: TYPESCRIPT },
    hint: /^zod is not installed in image/u,
  },
  { name: "what the task raised", error: ["ValueError", "x is 1", false] },
];

for (const { name, error, more, hint } of ROWS) {
  test(`an error: ${name}`, () => {
    const [code, message] = error;
    const judged = failureOf(evidenceOf(0, { written: errorWritten(...error), ...more }));
    assert.deepEqual([judged.code, judged.message, judged.kind], [code, message, "user"]);
    if (hint === undefined) assert.equal(judged.hint, undefined);
    else assert.match(judged.hint ?? "", hint);
  });
}

test("no hint about a process of this machine speaks of a container or an image", () => {
  for (const { error } of ROWS) {
    const judged = failureOf(evidenceOf(0, { written: errorWritten(...error), image: HOST }));
    assert.doesNotMatch(judged.hint ?? "", /container|image|Dockerfile|WORKDIR/u, error[1]);
  }
});

test("an error's own hint stands", () => {
  const written = errorWritten("MemoryError", "", false);
  const error = { ...written.error, hint: "its own" };
  assert.equal(failureOf(evidenceOf(0, { written: { ...written, error } })).hint, "its own");
});

test("a long message or line that nearly matches every pattern is judged at once", () => {
  // Without a bound each of these takes minutes.
  for (const piece of ["x", "worker ", "/dev/shm ", "a.", "Assertion ", ": a", "No module named 'a.b' "]) {
    const text = piece.repeat(1_000_000 / piece.length);
    const written = errorWritten("E", text, true);
    assert.equal(failureOf(evidenceOf(0, { written })).message, text);
    assert.equal(failureOf(evidenceOf(134, { log: [text, text], hasBegun: true })).code, "Killed");
  }
});
