/** A program that ended without outputs or an error: the first case that applies says why, as far as it is known. */
import { CODE_CASES } from "./code-cases.ts";
import { ENTRYPOINT_CASES } from "./entrypoint-cases.ts";
import { exitCodeRow } from "./exit-codes.ts";
import type { Facts } from "./facts.ts";
import { codeText, lastWords, UNWRITTEN, type SilenceCase, type Verdict } from "./silence-case.ts";
import { SIGNAL_CASES } from "./signal-cases.ts";

export const SILENCE_CASES: readonly SilenceCase[] = [
  SIGNAL_CASES.memory,
  CODE_CASES.processes,
  CODE_CASES.nodeExit,
  CODE_CASES.exit,
  ENTRYPOINT_CASES.droppedArguments,
  CODE_CASES.version,
  ENTRYPOINT_CASES.notExecuted,
  CODE_CASES.raised,
  SIGNAL_CASES.signal,
  SIGNAL_CASES.child,
  CODE_CASES.unsettled,
  CODE_CASES.silent,
  ENTRYPOINT_CASES.ended,
];

export function judgeSilence(facts: Facts): Verdict {
  for (const { verdict } of SILENCE_CASES) {
    const found = verdict(facts);
    if (found !== undefined) return found;
  }
  return otherEnd(facts);
}

function otherEnd(facts: Facts): Verdict {
  const { exit, isContainer, hasBegun, program, image } = facts;
  const row = exitCodeRow(exit.exitCode);
  const subject = isContainer ? "the container" : "the process";
  const isSuccess = exit.exitCode === 0;
  const when = isSuccess
    ? "but wrote neither outputs nor an error"
    : hasBegun === false
      ? `before ${program.command ?? "the runtime"} began the task`
      : UNWRITTEN;
  return {
    code: isSuccess ? "NoOutputs" : "ExitCode",
    message: `${subject} ended with code ${codeText(facts)} ${when}${lastWords(facts)}`,
    hint: isSuccess
      ? isContainer
        ? `does the ENTRYPOINT of ${image.reference} swallow its arguments? It must run them, as in ENTRYPOINT ["/entrypoint.sh"] ending with exec "$@". Or does the task, or a library, end its own process?`
        : "see the end of its log: does the task end its own process, as with os._exit(0)?"
      : `code ${codeText(facts)}: ${row.means}; see the end of its log`,
    recoverable: !isSuccess,
  };
}
