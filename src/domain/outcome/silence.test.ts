import assert from "node:assert/strict";
import { test } from "node:test";
import {
  evidenceOf,
  failureOf,
  HOST,
  PYTHON,
  TYPESCRIPT,
  type MoreEvidence,
} from "../../../test/helpers/evidence.ts";
import { textOf } from "../errors.ts";

const BEGUN = "[flyte] WARNING Flyte runtime started for action a0 with run name r";
/** As Python prints what ends the runtime, shortened. */
const traceback = (exception: string, frame = '  File "/home/flyte/././tasks.py", line 9, in leave') => [
  BEGUN,
  "Traceback (most recent call last):",
  '  File "/opt/venv/lib/python3.11/site-packages/flyte/_internal/runtime/taskrunner.py", line 121, in run_task',
  "    outputs = await task.execute(**inputs)",
  frame,
  "    sys.exit(0)",
  "    ^^^^^^^^^^^",
  exception,
];
const entrypoint = (...words: string[]): MoreEvidence => ({ hasBegun: false, exit: { entrypoint: words } });

interface Row {
  readonly name: string;
  readonly exitCode: number | undefined;
  readonly more?: MoreEvidence;
  readonly code: string;
  readonly text: RegExp;
  readonly not?: RegExp;
  readonly recoverable?: boolean;
}

const ROWS: readonly Row[] = [
  {
    name: "a fork bomb",
    exitCode: 2,
    more: { exit: { processLimit: 4096 }, log: ["sh: 0: Cannot fork"] },
    code: "ExitCode",
    text: /ended with code 2 before .* limit of processes; its log ends with: "sh: 0: Cannot fork".*4,096 processes/su,
  },
  {
    name: "sys.exit(0) in the task",
    exitCode: 0,
    more: { log: traceback("SystemExit: 0") },
    code: "NoOutputs",
    text: /own code called sys\.exit\(0\) \(tasks\.py:9, in leave\).*hint: return the result/su,
    not: /ENTRYPOINT/u,
    recoverable: false,
  },
  {
    name: "a bare sys.exit()",
    exitCode: 0,
    more: { log: traceback("SystemExit") },
    code: "NoOutputs",
    text: /called sys\.exit\(\) /u,
    recoverable: false,
  },
  {
    name: "sys.exit with a code",
    exitCode: 3,
    more: { log: traceback("SystemExit: 3") },
    code: "ExitCode",
    text: /called sys\.exit\(3\) .*code 3 .*raise an exception instead/su,
  },
  {
    name: "sys.exit with a code that is also that of a signal",
    exitCode: 137,
    more: { log: traceback("SystemExit: 137") },
    code: "ExitCode",
    text: /called sys\.exit\(137\)/u,
    not: /SIGKILL/u,
  },
  {
    name: "sys.exit with a negative code",
    exitCode: 255,
    more: { log: traceback("SystemExit: -1") },
    code: "ExitCode",
    text: /called sys\.exit\(-1\)/u,
  },
  {
    name: "sys.exit with a message",
    exitCode: 1,
    more: { log: traceback("SystemExit: bad config: no table named orders") },
    code: "ExitCode",
    text: /called sys\.exit\("bad config: no table named orders"\) \(tasks\.py:9, in leave\)/u,
  },
  {
    name: "an earlier SystemExit that was not the end",
    exitCode: 5,
    more: { log: traceback("SystemExit: 3") },
    code: "ExitCode",
    text: /ended with code 5 .*SystemExit: 3/u,
    not: /called sys/u,
  },
  {
    name: "KeyboardInterrupt",
    exitCode: 1,
    more: { log: traceback("KeyboardInterrupt") },
    code: "ExitCode",
    text: /interrupted: KeyboardInterrupt \(tasks\.py:9/u,
  },
  {
    name: "os._exit(0) in the task",
    exitCode: 0,
    more: { log: [BEGUN, "half way"] },
    code: "NoOutputs",
    text: /own code, or a library .* code 0 \(by sys\.exit or os\._exit.*ends with: "half way"/su,
    not: /ENTRYPOINT/u,
    recoverable: false,
  },
  {
    name: "os._exit(7) in a task whose log level hides the runtime's lines",
    exitCode: 7,
    more: { hasBegun: true },
    code: "ExitCode",
    text: /own code, or a library .* code 7/u,
  },
  {
    name: "process.exit(3) in TypeScript",
    exitCode: 3,
    more: { hasBegun: true, program: TYPESCRIPT },
    code: "ExitCode",
    text: /code 3 \(by process\.exit/u,
    not: /os\._exit|sys\.exit/u,
  },
  {
    name: "process.exit(0) in TypeScript, where the runtime names the caller",
    exitCode: 0,
    more: {
      hasBegun: true,
      program: TYPESCRIPT,
      log: [
        "a0-ts: process.exit(0) was called before the task had ended at leave (file:///app/flow.ts:9:11)",
      ],
    },
    code: "NoOutputs",
    text: /called process\.exit\(0\) \(flow\.ts:9, in leave\)/u,
    not: /ENTRYPOINT/u,
    recoverable: false,
  },
  {
    name: "127 of an ENTRYPOINT that names nothing",
    exitCode: 127,
    more: entrypoint("/e.sh"),
    code: "ENTRYPOINT_NOT_FOUND",
    text: /its command was not found.*the ENTRYPOINT \["\/e\.sh"\] .* calls it/su,
    recoverable: false,
  },
  {
    name: "an await in TypeScript that nothing settles",
    exitCode: 13,
    more: { hasBegun: true, program: TYPESCRIPT },
    code: "ExitCode",
    text: /code 13 .*an await at the top of a module/u,
    recoverable: false,
  },
  {
    name: "an exception outside of the task",
    exitCode: 1,
    more: { log: traceback("asyncpg.exceptions.TooManyConnectionsError: too many") },
    code: "ExitCode",
    text: /code 1 before .*: TooManyConnectionsError: too many \(tasks\.py:9, in leave\).*whole traceback/su,
  },
  {
    name: "an exception that Node prints",
    exitCode: 1,
    more: {
      hasBegun: true,
      program: TYPESCRIPT,
      log: [
        "/app/flow.ts:3",
        "throw new TypeError('no')",
        "^",
        "",
        "TypeError: no",
        "    at main (file:///app/flow.ts:3:7)",
      ],
    },
    code: "ExitCode",
    text: /TypeError: no \(flow\.ts:3, in main\)/u,
  },
  {
    name: "an a0 whose flyte cannot be imported",
    exitCode: 1,
    more: {
      ...entrypoint(),
      log: [
        "Traceback (most recent call last):",
        '  File "/usr/bin/a0", line 3, in <module>',
        "ModuleNotFoundError: No module named 'flyte'",
      ],
    },
    code: "ExitCode",
    text: /before a0 began the task: ModuleNotFoundError: No module named 'flyte' .*installed in registry/su,
  },
  {
    name: "a runtime that is older than the one that started the run",
    exitCode: 2,
    more: {
      ...entrypoint(),
      log: ["Usage: a0 [OPTIONS]", "", "Error: No such option: --run-start-time"],
    },
    code: "ExitCode",
    text: /does not know --run-start-time .*same version of flyte/su,
    recoverable: false,
  },
  {
    name: "bash -c as ENTRYPOINT",
    exitCode: 2,
    more: { ...entrypoint("/bin/bash", "-c"), log: ["Error: Missing option '--version' / '-v'."] },
    code: "ENTRYPOINT_FAILED",
    text: /ENTRYPOINT \["\/bin\/bash","-c"\] .*does not pass on its arguments.*Missing option.*hint: write ENTRYPOINT \[\]/su,
    recoverable: false,
  },
  {
    name: "bash -lc as ENTRYPOINT, whose login shell does not find a0",
    exitCode: 127,
    more: { ...entrypoint("/bin/bash", "-lc"), log: ["--inputs: line 1: a0: command not found"] },
    code: "ENTRYPOINT_FAILED",
    text: /does not pass on its arguments/u,
    not: /is flyte installed/u,
    recoverable: false,
  },
  {
    name: "a shell form of ENTRYPOINT that ends well",
    exitCode: 0,
    more: entrypoint("/bin/sh", "-c", "python setup.py"),
    code: "NoOutputs",
    text: /"python setup\.py"\] .*does not pass on its arguments/u,
    recoverable: false,
  },
  {
    name: "a script as ENTRYPOINT that ends well without its arguments",
    exitCode: 0,
    more: { ...entrypoint("/entrypoint.sh"), log: ["migrated"] },
    code: "NoOutputs",
    text: /ENTRYPOINT \["\/entrypoint\.sh"\] .* did not run its arguments.*"migrated".*exec "\$@"/su,
    recoverable: false,
  },
  {
    name: "an ENTRYPOINT that is a web service",
    exitCode: 2,
    more: {
      ...entrypoint("uvicorn", "app:app"),
      log: ["Usage: uvicorn [OPTIONS] APP", "Error: Got unexpected extra argument (a0)"],
    },
    code: "ENTRYPOINT_FAILED",
    text: /ENTRYPOINT \["uvicorn","app:app"\] .*the task never began.*such as a service, remove it/su,
    not: /is flyte installed/u,
    recoverable: false,
  },
  {
    name: "an ENTRYPOINT that fails with a traceback of its own",
    exitCode: 1,
    more: {
      ...entrypoint("python", "/srv/app.py"),
      log: [
        "Traceback (most recent call last):",
        '  File "/srv/app.py", line 3, in <module>',
        "KeyError: 'PORT'",
      ],
    },
    code: "ENTRYPOINT_FAILED",
    text: /ENTRYPOINT \["python","\/srv\/app\.py"\] .*failed before it ran the task: KeyError: 'PORT' \(app\.py:3/u,
  },
  {
    name: "a0 that a script does not find",
    exitCode: 127,
    more: { ...entrypoint("/e.sh"), log: ["/e.sh: 4: a0: not found"] },
    code: "ENTRYPOINT_NOT_FOUND",
    text: /`a0` was not found.*is flyte installed in registry/su,
    recoverable: false,
  },
  {
    name: "another program that a script does not find",
    exitCode: 127,
    more: { ...entrypoint("/e.sh"), log: ["/e.sh: line 4: gunicorn: command not found"] },
    code: "ENTRYPOINT_NOT_FOUND",
    text: /`gunicorn` was not found.*ENTRYPOINT \["\/e\.sh"\] in image .* calls it/su,
    not: /flyte installed/u,
    recoverable: false,
  },
  {
    name: "a program that a script may not execute",
    exitCode: 126,
    more: { ...entrypoint("/e.sh"), log: ["/e.sh: 4: /opt/tool: Permission denied"] },
    code: "ENTRYPOINT_NOT_EXECUTABLE",
    text: /`\/opt\/tool` was not executable by the image's user.*chmod 755/su,
    recoverable: false,
  },
  {
    name: "127 of a process of this machine",
    exitCode: 127,
    more: { image: HOST, log: ["sh: 1: a0: not found"] },
    code: "ENTRYPOINT_NOT_FOUND",
    text: /the process ended with code 127: `a0` was not found.*--python/su,
    recoverable: false,
  },
  {
    name: "127 of a command in a task that had begun",
    exitCode: 127,
    more: { hasBegun: true, log: ["sh: 1: ffmpeg: not found"] },
    code: "ExitCode",
    text: /own code.*code 127.*ffmpeg: not found/u,
  },
  {
    name: "the first process killed for its limit",
    exitCode: 137,
    more: {
      program: { ...PYTHON, memoryLimitBytes: 500 * 2 ** 20 },
      exit: { outOfMemory: true, memoryKills: [{ process: "a0", of: "limit", bytes: 480 * 2 ** 20 }] },
    },
    code: "OOMKilled",
    text: /more memory than its limit of 500 MiB \(the process a0 \(480 MiB\)\).*Resources\(memory=/su,
  },
  {
    name: "killed because the machine's memory ran out",
    exitCode: 137,
    more: { exit: { memoryKills: [{ process: "a0", of: "machine" }] } },
    code: "OOMKilled",
    text: /this machine ran out of memory \(the process a0\).*fewer tasks at once/su,
  },
  {
    name: "SIGKILL that no memory explains",
    exitCode: 137,
    code: "Killed",
    text: /signal 9 \(SIGKILL, killed; exit code 137\).*somebody killed it, or this machine ran out of memory/su,
  },
  {
    name: "a segmentation fault",
    exitCode: 139,
    more: { hasBegun: true },
    code: "Killed",
    text: /signal 11 \(SIGSEGV, segmentation fault; exit code 139\).*PYTHONFAULTHANDLER/su,
  },
  {
    name: "a segmentation fault that faulthandler shows",
    exitCode: 139,
    more: {
      hasBegun: true,
      log: ["Fatal Python error: Segmentation fault", "", "Current thread 0x1 (most recent call first):"],
    },
    code: "Killed",
    text: /its log says: "Fatal Python error: Segmentation fault"/u,
  },
  {
    name: "a segmentation fault in TypeScript",
    exitCode: 139,
    more: { hasBegun: true, program: TYPESCRIPT },
    code: "Killed",
    text: /SIGSEGV.*native add-on/su,
    not: /PYTHON/u,
  },
  {
    name: "an abort that names its reason",
    exitCode: 134,
    more: { hasBegun: true, log: ["terminate called after throwing an instance of 'std::bad_alloc'"] },
    code: "Killed",
    text: /SIGABRT.*its log says: "terminate called after throwing/su,
  },
  {
    name: "shared memory that is full",
    exitCode: 135,
    code: "Killed",
    text: /SIGBUS, bus error.*\/dev\/shm.*64 MB.*shm="auto"/su,
  },
  {
    name: "shared memory of this machine that is full",
    exitCode: 135,
    more: { image: HOST },
    code: "Killed",
    text: /SIGBUS, bus error.*\/dev\/shm on this machine/su,
    not: /container|64 MB/u,
  },
  {
    name: "an illegal instruction",
    exitCode: 132,
    code: "Killed",
    text: /SIGILL.*instructions that this processor does not have/su,
  },
  { name: "SIGFPE", exitCode: 136, code: "Killed", text: /SIGFPE, arithmetic error/u },
  {
    name: "SIGTERM",
    exitCode: 143,
    code: "Killed",
    text: /SIGTERM, asked to end.*neither aborted nor out of time/su,
  },
  { name: "SIGXCPU", exitCode: 152, code: "Killed", text: /SIGXCPU.*ulimit -t/su },
  { name: "SIGSYS", exitCode: 159, code: "Killed", text: /SIGSYS.*seccomp/su },
  {
    name: "a real-time signal",
    exitCode: 128 + 36,
    code: "Killed",
    text: /signal 36 \(SIGRTMIN\+2, a signal/u,
  },
  {
    name: "a code above all signals",
    exitCode: 200,
    code: "ExitCode",
    text: /code 200 before/u,
    not: /signal/u,
  },
  {
    name: "what subprocess returns for a signal, passed on",
    exitCode: 247,
    code: "ExitCode",
    text: /code 247 .*a program that it started was killed by signal 9 \(SIGKILL/su,
  },
  { name: "an unknown code", exitCode: undefined, code: "ExitCode", text: /code unknown before/u },
  {
    name: "a code of its own",
    exitCode: 5,
    code: "ExitCode",
    text: /code 5 before.*see the end of its log/su,
  },
  {
    name: "no ENTRYPOINT, and a0 that did not begin",
    exitCode: 5,
    more: { ...entrypoint(), log: ["odd"] },
    code: "ExitCode",
    text: /code 5 before a0 began the task; its log ends with: "odd"/u,
  },
];

for (const { name, exitCode, more, code, text, not, recoverable = true } of ROWS) {
  test(`nothing written: ${name}`, () => {
    const error = failureOf(evidenceOf(exitCode, more));
    assert.deepEqual([error.code, error.kind, error.recoverable], [code, "user", recoverable]);
    assert.match(textOf(error), text);
    if (not !== undefined) assert.doesNotMatch(textOf(error), not);
    assert.ok((error.hint ?? "") !== "", "it says what to do");
  });
}

test("what is said of a process of this machine speaks of no container and no image", () => {
  for (const exitCode of [
    0,
    1,
    2,
    5,
    126,
    127,
    255,
    ...Array.from({ length: 64 }, (_, index) => 129 + index),
  ])
    for (const hasBegun of [true, false, undefined]) {
      const said = textOf(failureOf(evidenceOf(exitCode, { image: HOST, hasBegun })));
      assert.doesNotMatch(
        said,
        /container(?!s\.conf)|image|ENTRYPOINT|WORKDIR|Dockerfile/u,
        `code ${exitCode}`,
      );
    }
});

test("the runtime's own first line is not quoted as the last words of the task", () => {
  const begin = "[flyte] WARNING Flyte runtime started for action a0 with run name r";
  assert.doesNotMatch(failureOf(evidenceOf(3, { log: [begin] })).message, /log ends with/u);
  assert.match(
    failureOf(evidenceOf(3, { log: ["its own", begin, ""] })).message,
    /log ends with: "its own"$/u,
  );
});
