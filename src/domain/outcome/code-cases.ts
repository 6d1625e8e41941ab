/** Ends for which the task's own code, or what it imports, is the reason. */
import { runArguments } from "./entrypoint-cases.ts";
import { textOfEntrypoint } from "./entrypoint.ts";
import { hintFor } from "./error-hints.ts";
import { exitCodeRow } from "./exit-codes.ts";
import type { Facts } from "./facts.ts";
import { processLimitText } from "./process-hints.ts";
import { locationOfFrame, textOfRaised, type Raised } from "./raised.ts";
import { codeText, lastWords, UNWRITTEN, type SilenceCase, type Verdict } from "./silence-case.ts";
import { signalOf } from "./signals.ts";

export const CODE_CASES = {
  processes: { name: "a limit of processes that was reached", verdict: outOfProcesses },
  nodeExit: { name: "process.exit in a TypeScript task's code", verdict: leftNode },
  exit: { name: "SystemExit or KeyboardInterrupt in the task's code", verdict: leftByException },
  version: { name: "a runtime of another version", verdict: unknownOption },
  raised: { name: "an exception at the end of the log", verdict: raisedUncaught },
  unsettled: { name: "a TypeScript task that waits for nothing any more", verdict: unsettled },
  silent: { name: "ended by the task's own code, without a traceback", verdict: leftSilently },
} satisfies Record<string, SilenceCase>;

function outOfProcesses(facts: Facts): Verdict | undefined {
  const { processLimit } = facts.exit;
  if (processLimit === undefined) return undefined;
  const message = `the process ended with code ${codeText(facts)} ${UNWRITTEN}, after it had reached its limit of processes${lastWords(facts)}`;
  return { code: "ExitCode", message, hint: processLimitText(processLimit), recoverable: true };
}

/** `sys.exit` and Ctrl-C leave through asyncio, past the runtime, which catches only subclasses of Exception. */
function leftByException(facts: Facts): Verdict | undefined {
  const { raised, exit, program } = facts;
  if (raised === undefined) return undefined;
  if (raised.name === "KeyboardInterrupt") {
    const message = `the task was interrupted: KeyboardInterrupt${atText(raised)}, ${UNWRITTEN}`;
    const hint =
      "does its code, or a library, raise KeyboardInterrupt or send SIGINT? Raise another exception";
    return { code: "ExitCode", message, hint, recoverable: true };
  }
  if (raised.name !== "SystemExit" || !endsWith(raised.message, exit.exitCode)) return undefined;
  const what = raised.message === "" ? "sys.exit()" : `sys.exit(${literal(raised.message)})`;
  const by = raised.at?.startsWith("<frozen") === true ? "a library" : "the task's own code";
  const isSuccess = exit.exitCode === 0;
  return {
    code: isSuccess ? "NoOutputs" : "ExitCode",
    message: `${by} called ${what}${atText(raised)}, which ended the process with code ${codeText(facts)} ${UNWRITTEN}`,
    hint: isSuccess
      ? 'return the result instead; code at the top of a script that ends by sys.exit() belongs below if __name__ == "__main__"'
      : `raise an exception instead: its message is the error of the action, and a parent can catch it${program.entity === undefined ? "" : `; sys.exit belongs into a script, not into ${program.entity} or what it calls`}`,
    recoverable: !isSuccess,
  };
}

/** What our own runtime writes (src/runtime/main.ts). */
const NODE_EXIT = /^a0-ts: process\.exit\((\d+)\) was called before the task had ended(?: (at .+))?$/u;

function leftNode(facts: Facts): Verdict | undefined {
  const { exit, log } = facts;
  const [line, given, frame] =
    log.map((text) => NODE_EXIT.exec(text.trim())).findLast((match) => match !== null) ?? [];
  if (line === undefined || given !== codeText(facts)) return undefined;
  const at = locationOfFrame(frame ?? "");
  const isSuccess = exit.exitCode === 0;
  return {
    code: isSuccess ? "NoOutputs" : "ExitCode",
    message: `the task's own code, or a library, called process.exit(${given})${at === undefined ? "" : ` (${at})`} ${UNWRITTEN}`,
    hint: isSuccess
      ? "return the result instead of ending the process"
      : "throw an error instead: its message is the error of the action, and a parent can catch it",
    recoverable: !isSuccess,
  };
}

/** Is this the exit code that Python makes of what sys.exit was given? */
function endsWith(given: string, exitCode: number | undefined): boolean {
  if (given === "" || given === "None" || given === "False") return exitCode === 0;
  if (given === "True") return exitCode === 1;
  return exitCode === (/^-?\d+$/u.test(given) ? Number(BigInt.asUintN(8, BigInt(given))) : 1);
}

function atText({ at }: Raised): string {
  return at === undefined ? "" : ` (${at})`;
}

function literal(argument: string): string {
  return /^-?\d+$/u.test(argument) ? argument : JSON.stringify(argument);
}

/** In the words of click (`a0`) and of our own runtime (`a0-ts`). */
const UNKNOWN_OPTION = /No such option:? '?(--?[\w-]+)|No such command|a0-ts: unknown option (\S+)/u;

function unknownOption({ log, where, exit }: Facts): Verdict | undefined {
  const [line, option] =
    log.map((text) => UNKNOWN_OPTION.exec(text)).findLast((match) => match !== null) ?? [];
  if (line === undefined || exit.exitCode !== 2) return undefined;
  return {
    code: "ExitCode",
    message: `the runtime in ${where} does not know ${option ?? "an option"} of the version that started this run: "${line}"`,
    hint: "install the same version of flyte on both sides: pip show flyte",
    recoverable: false,
  };
}

function raisedUncaught(facts: Facts): Verdict | undefined {
  const { raised, exit, hasBegun, program, isContainer, where } = facts;
  if (raised === undefined || exit.exitCode === 0 || isSignal(exit.exitCode)) return undefined;
  const error = { code: raised.name, message: raised.message, whileLoading: true };
  const hint = hintFor(error, facts) ?? "see its log for the whole traceback";
  const text = `${textOfRaised(raised)}${atText(raised)}`;
  if (hasBegun === true || (isContainer && (exit.entrypoint ?? []).length === 0)) {
    const when = hasBegun === true ? UNWRITTEN : `before ${program.command ?? "the runtime"} began the task`;
    const message = `the process ended with code ${codeText(facts)} ${when}: ${text}`;
    return { code: "ExitCode", message, hint, recoverable: true };
  }
  if (hasBegun === undefined || !isContainer) {
    const message = `the process ended with code ${codeText(facts)} ${UNWRITTEN}: ${text}`;
    return { code: "ExitCode", message, hint, recoverable: true };
  }
  const message = `the ${textOfEntrypoint(exit.entrypoint ?? [])} of ${where} failed before it ran the task: ${text}`;
  return { code: "ENTRYPOINT_FAILED", message, hint: runArguments(facts), recoverable: true };
}

function isSignal(exitCode: number | undefined): boolean {
  return exitCode !== undefined && signalOf(exitCode - 128) !== undefined;
}

/** Node's code for a top-level `await` that nothing can resolve. */
const UNSETTLED = 13;

function unsettled({ exit, program, hasBegun }: Facts): Verdict | undefined {
  if (exit.exitCode !== UNSETTLED || program.language !== "typescript" || hasBegun === false)
    return undefined;
  return {
    code: "ExitCode",
    message: `Node ended with code ${UNSETTLED} ${UNWRITTEN}: an await at the top of a module waits for something that cannot happen any more`,
    hint: "see which module the task imports awaits a promise that is never resolved",
    recoverable: false,
  };
}

function leftSilently(facts: Facts): Verdict | undefined {
  const { exit, hasBegun, program } = facts;
  if (hasBegun !== true) return undefined;
  const how = program.language === "typescript" ? "process.exit" : "sys.exit or os._exit";
  const isSuccess = exit.exitCode === 0;
  const { means } = exitCodeRow(exit.exitCode);
  const code = codeText(facts);
  return {
    code: isSuccess ? "NoOutputs" : "ExitCode",
    message: `the task's own code, or a library that it uses, ended the process with code ${code} (by ${how}, or a crash) ${UNWRITTEN}${lastWords(facts)}`,
    hint: isSuccess
      ? "return the result instead of ending the process"
      : `raise an exception instead: its message is the error of the action; code ${code}: ${means}`,
    recoverable: !isSuccess,
  };
}
