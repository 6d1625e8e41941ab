/**
 * What an exit code means of a program that wrote neither outputs nor an error, where nothing more is known.
 * docs/exit-codes.md is made from it.
 */
import type { ActionCode } from "../action-codes.ts";

export interface ExitCodeRow {
  /** From and to, inclusive. */
  readonly codes: readonly [number, number];
  readonly code: Extract<ActionCode, "NoOutputs" | "ExitCode" | "Killed" | `ENTRYPOINT_${string}`>;
  readonly means: string;
  readonly cause: string;
  readonly cure: string;
}

export const EXIT_CODES: readonly ExitCodeRow[] = [
  {
    codes: [0, 0],
    code: "NoOutputs",
    means: "the program ended as if all were well",
    cause:
      "the task's code, or a library, ends the process (`sys.exit()`, `os._exit(0)`, `process.exit()`), or the image's ENTRYPOINT does not run its arguments",
    cure: 'return from the task instead; let an ENTRYPOINT script end with exec "$@"',
  },
  {
    codes: [1, 1],
    code: "ExitCode",
    means: "the program failed",
    cause: 'an exception outside of the task\'s function that nobody caught, or `sys.exit("message")`',
    cure: "the message quotes the last line of the traceback, and the log has all of it",
  },
  {
    codes: [2, 2],
    code: "ExitCode",
    means: "the program did not understand its arguments",
    cause:
      "the image's ENTRYPOINT is another program, or drops arguments; or the image's flyte is older than the one that started the run",
    cure: "let the ENTRYPOINT run its arguments; install the same version of flyte in the image",
  },
  {
    codes: [3, 123],
    code: "ExitCode",
    means: "a code of the program's own",
    cause:
      "`sys.exit(n)`, `os._exit(n)` or `process.exit(n)` in the task's code or in a library; or a script",
    cure: "raise an exception instead, so that the parent gets its message",
  },
  {
    codes: [124, 124],
    code: "ExitCode",
    means: "a program ran out of the time that timeout(1) gave it",
    cause:
      "`timeout` in the ENTRYPOINT, in a script in front of the task, or of a program that the task starts",
    cure: "raise that limit, or use the task's own timeout",
  },
  {
    codes: [125, 125],
    code: "ExitCode",
    means: "timeout, env, nohup or docker itself failed",
    cause: "such a program in front of the task does not know its options, or could not start the next one",
    cure: "see the end of the log",
  },
  {
    codes: [126, 126],
    code: "ENTRYPOINT_NOT_EXECUTABLE",
    means: "a shell could not execute a command",
    cause: "the file lacks the execute bit for the image's USER, or is a directory",
    cure: "RUN chmod 755 the file in the Dockerfile",
  },
  {
    codes: [127, 127],
    code: "ENTRYPOINT_NOT_FOUND",
    means: "a shell did not find a command",
    cause: "`a0`, or a program that the ENTRYPOINT script calls, is not on the image's PATH",
    cure: "install it in the image, and put its directory on PATH",
  },
  {
    codes: [128, 128],
    code: "ExitCode",
    means: "a shell's `exit` got something that is not a number, or git failed",
    cause: "a script in front of the task",
    cure: "see the end of the log",
  },
  {
    codes: [129, 192],
    code: "Killed",
    means: "killed by the signal of the code minus 128",
    cause: "see the table of signals",
    cure: "see the table of signals",
  },
  {
    codes: [193, 224],
    code: "ExitCode",
    means: "a code of the program's own",
    cause: "the program's own code, or that of a library",
    cure: "see the end of the log",
  },
  {
    codes: [225, 254],
    code: "ExitCode",
    means: "a program that it started was killed by the signal of 256 minus the code",
    cause: "a script passed on the return code of Python's subprocess, which is negative for a signal",
    cure: "see the table of signals",
  },
  {
    codes: [255, 255],
    code: "ExitCode",
    means: "the program failed, as by `exit(-1)`",
    cause: "ssh, and many programs of their own, end like this",
    cure: "see the end of the log",
  },
];

const UNKNOWN = EXIT_CODES.findIndex(({ means }) => means === "a code of the program's own");

export function exitCodeRow(exitCode: number | undefined): ExitCodeRow {
  const found = EXIT_CODES.find(
    ({ codes: [from, to] }) => exitCode !== undefined && from <= exitCode && exitCode <= to,
  );
  return found ?? (EXIT_CODES[UNKNOWN] as ExitCodeRow);
}
