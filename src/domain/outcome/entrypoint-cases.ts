/** Ends for which the image's ENTRYPOINT, or a command of a script in it, is the reason. */
import { dropsArguments, textOfEntrypoint } from "./entrypoint.ts";
import type { Facts } from "./facts.ts";
import { codeText, lastWords, type SilenceCase, type Verdict } from "./silence-case.ts";

export const ENTRYPOINT_CASES = {
  droppedArguments: { name: "a shell as ENTRYPOINT that drops its arguments", verdict: droppedArguments },
  notExecuted: {
    name: "a command that a shell did not find, or could not execute",
    verdict: notExecuted,
  },
  ended: { name: "an ENTRYPOINT that did not come to run the task", verdict: entrypointEnded },
} satisfies Record<string, SilenceCase>;

function droppedArguments(facts: Facts): Verdict | undefined {
  const { exit, hasBegun, image, program } = facts;
  const { entrypoint = [] } = exit;
  if (hasBegun === true || !dropsArguments(entrypoint)) return undefined;
  const command = program.command === undefined ? "its arguments" : `\`${program.command} …\``;
  return {
    code: exit.exitCode === 0 ? "NoOutputs" : "ENTRYPOINT_FAILED",
    message: `the ${textOfEntrypoint(entrypoint)} of ${image.reference} does not pass on its arguments, so ${command} was not run as it should: a shell takes one word behind -c as its script; it ended with code ${codeText(facts)}${lastWords(facts)}`,
    hint: `write ENTRYPOINT [] to have none, or ENTRYPOINT ["/bin/sh","-c","exec \\"$0\\" \\"$@\\""] to keep the shell`,
    recoverable: false,
  };
}

/** `/e.sh: 4: gunicorn: not found`, `bash: line 1: a0: command not found`, `exec: gunicorn: Permission denied`. */
const SHELL_WORDS =
  /(?:^|: )([^:\s]+): (?:command )?not found$|(?:^|: )([^:]+): (?:Permission denied|cannot execute.*|Is a directory|Text file busy|Argument list too long)$/iu;

function notExecuted(facts: Facts): Verdict | undefined {
  const { exit, log, isContainer, where, program, hasBegun } = facts;
  if ((exit.exitCode !== 126 && exit.exitCode !== 127) || hasBegun === true) return undefined;
  const isMissing = exit.exitCode === 127;
  const quoted = log.map((line) => SHELL_WORDS.exec(line.trim())).findLast((match) => match !== null);
  const named = quoted?.[1] ?? quoted?.[2];
  const subject = isContainer ? "the container" : "the process";
  const who = isContainer ? "the image's user" : "the server's user";
  const what = isMissing ? "was not found" : `was not executable by ${who}`;
  const isRuntime =
    named === undefined
      ? (exit.entrypoint ?? []).length === 0
      : named === program.command || named.endsWith(`/${program.command}`);
  return {
    code: isMissing ? "ENTRYPOINT_NOT_FOUND" : "ENTRYPOINT_NOT_EXECUTABLE",
    message: `${subject} ended with code ${exit.exitCode}: ${named === undefined ? "its command" : `\`${named}\``} ${what}`,
    hint: isRuntime ? runtimeMissing(facts) : otherMissing(isMissing, where, exit.entrypoint),
    recoverable: false,
  };
}

function runtimeMissing({ isContainer, image, program }: Facts): string {
  if (!isContainer)
    return "see the end of its log: is the command installed on this machine, beside the interpreter of the server's --python or on its PATH?";
  return program.language === "typescript"
    ? `is boxkite installed in ${image.reference}, and is the directory of a0-ts on its PATH?`
    : `is flyte installed in ${image.reference}, and is the directory of a0 on its PATH?`;
}

function otherMissing(isMissing: boolean, where: string, entrypoint: readonly string[] = []): string {
  const by = entrypoint.length === 0 ? "a script" : `the ${textOfEntrypoint(entrypoint)}`;
  return isMissing
    ? `${by} in ${where} calls it: install it there, or let the script only run its arguments: exec "$@"`
    : `${by} in ${where} calls it: set its execute bit for every user (chmod 755)`;
}

function entrypointEnded(facts: Facts): Verdict | undefined {
  const { exit, hasBegun, image, isContainer } = facts;
  const { entrypoint = [], exitCode } = exit;
  if (hasBegun !== false || !isContainer || entrypoint.length === 0) return undefined;
  return {
    code: exitCode === 0 ? "NoOutputs" : "ENTRYPOINT_FAILED",
    message: `the ${textOfEntrypoint(entrypoint)} of ${image.reference} ended with code ${codeText(facts)} and did not run its arguments: the task never began${lastWords(facts)}`,
    hint: runArguments(facts),
    recoverable: false,
  };
}

export function runArguments({ program }: Facts): string {
  const command = program.command === undefined ? "the task's command" : `\`${program.command} …\``;
  return `the task's command is given to the ENTRYPOINT as its arguments: let a script end with exec "$@", or, where the ENTRYPOINT is another program such as a service, remove it (ENTRYPOINT []), so that ${command} is run itself`;
}
