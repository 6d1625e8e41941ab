/** Generated tasks: the steps of each, how it ends, and what it returns. */
import { randomOf, type Random } from "../../helpers/random.ts";

export interface Case {
  readonly case: number;
  readonly task: string;
  /** Functions of steps.py. */
  readonly steps: readonly string[];
  /** One of ENDS in flow.py. */
  readonly end: string;
}

const SEES = [
  "logs",
  "identity",
  "variables",
  "variables_of_programs",
  "files",
  "process",
  "descriptors",
  "interpreter",
  "signals",
  "stack",
  "container",
  "network",
  "state",
] as const;
const DOES = [
  "prints",
  "prints_much",
  "spawn",
  "fork",
  "threads",
  "programs",
  "leaves_a_program",
  "leaves_a_thread",
  "loops",
  "at_exit",
] as const;
/** After these the process is another one: they come last. */
const CHANGES = ["changes_directory", "changes_itself"] as const;
const BAD_ENDS = [
  "fails",
  "fails_with_cause",
  "fails_own",
  "exits",
  "exits_well",
  "exits_with_text",
  "leaves",
  "leaves_well",
  "kills_itself",
  "segfaults",
  "terminates",
  "aborts",
  "interrupts",
  "runs_out_of_memory",
  "times_out",
  "fails_first",
  "exits_first",
  "no_recovery",
] as const;
const TASKS = ["coroutine", "function", "typed", "written", "reported"] as const;

/** The same for the same seed. */
export function casesOf(seed: number, count: number): Case[] {
  const random = randomOf(seed);
  const ends = shuffled(random, BAD_ENDS);
  return Array.from({ length: count }, (_, index) => ({
    case: index,
    task: random.pick(TASKS),
    steps: [
      "other_runs",
      ...shuffled(random, [...some(random, SEES, 0.7), ...some(random, DOES, 0.3)]),
      ...some(random, CHANGES, 0.2),
    ],
    // Each is there once before one comes again.
    end: index % 3 === 0 ? "returns" : (ends[index % ends.length] ?? "returns"),
  }));
}

function some(random: Random, from: readonly string[], probability: number): string[] {
  return from.filter(() => random.chance(probability));
}

function shuffled(random: Random, from: readonly string[]): string[] {
  const rest = [...from];
  const result: string[] = [];
  while (rest.length > 0) result.push(...rest.splice(random.below(rest.length), 1));
  return result;
}
