/** Ends by a signal, for lack of memory or for another reason. */
import type { Facts } from "./facts.ts";
import { killedText, limitText, moreMemory } from "./memory.ts";
import { codeText, UNWRITTEN, type SilenceCase, type Verdict } from "./silence-case.ts";
import { explainSignal, signalOf } from "./signals.ts";

export const SIGNAL_CASES = {
  memory: { name: "killed for memory", verdict: killedForMemory },
  signal: { name: "killed by a signal", verdict: killedBySignal },
  child: { name: "a program that it started was killed by a signal", verdict: childKilled },
} satisfies Record<string, SilenceCase>;

function killedForMemory(facts: Facts): Verdict | undefined {
  const { outOfMemory, memoryKills = [] } = facts.exit;
  const byMachine = memoryKills.some(({ of }) => of === "machine");
  if (!outOfMemory && !byMachine) return undefined;
  const which = killedText(memoryKills);
  const who = which === undefined ? "" : ` (the process ${which})`;
  if (!outOfMemory) {
    const message = `killed because this machine ran out of memory${who}`;
    const hint =
      "run fewer tasks at once: give them memory requests, or lower --max-parallel; a memory limit finds the one that takes too much";
    return { code: "OOMKilled", message, hint, recoverable: true };
  }
  const message = `killed for using more memory than its limit${limitText(facts)}${who}`;
  return { code: "OOMKilled", message, hint: moreMemory(facts), recoverable: true };
}

/** What native code prints when it gives up. */
const LAST_WORDS =
  /terminate called|what\(\):|Assertion .*failed|Fatal Python error|free\(\): |double free|malloc\(\): |corrupted |stack smashing|heap out of memory|FATAL ERROR|SIGABRT|panicked at|core dumped/u;

function killedBySignal(facts: Facts): Verdict | undefined {
  const { exit, log, isContainer, program } = facts;
  const signal = signalOf((exit.exitCode ?? 0) - 128);
  if (signal === undefined) return undefined;
  const words = log
    .findLast((line) => LAST_WORDS.test(line))
    ?.trim()
    .slice(0, 300);
  const quoted = words === undefined ? "" : `; its log says: "${words}"`;
  const name = signal.name.startsWith("signal") ? "" : `${signal.name}, `;
  return {
    code: "Killed",
    message: `the process was killed by signal ${signal.number} (${name}${signal.means}; exit code ${exit.exitCode}) ${UNWRITTEN}${quoted}`,
    hint: explainSignal(signal, { isContainer, language: program.language }),
    recoverable: true,
  };
}

/** Python's subprocess returns the negative number of the signal; as an exit code that is 256 minus it. */
function childKilled(facts: Facts): Verdict | undefined {
  const { exit, isContainer, program } = facts;
  const number = 256 - (exit.exitCode ?? 0);
  // -1 is what many programs end with.
  const signal = number > 1 && number < 32 ? signalOf(number) : undefined;
  if (signal === undefined) return undefined;
  return {
    code: "ExitCode",
    message: `the process ended with code ${codeText(facts)} ${UNWRITTEN}: a program that it started was killed by signal ${number} (${signal.name}, ${signal.means}), if the code was passed on from subprocess`,
    hint: explainSignal(signal, { isContainer, language: program.language }),
    recoverable: true,
  };
}
