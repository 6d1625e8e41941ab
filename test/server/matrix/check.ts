/** Compares an answer with what the table expects, and with the answer about something that does not exist. */
import assert from "node:assert/strict";
import type { Caller } from "./callers.ts";
import { expected, type Asked, type Outcome, type Target } from "./expected.ts";
import { PLACES, RUNS, SERVER, withoutNames, type Cell } from "./targets.ts";
import { ELSEWHERE, NOWHERE, secretOf } from "./world.ts";

export interface Answer {
  readonly outcome: Outcome;
  /** All that the caller was sent. */
  readonly text: string;
  /** How those who may were refused for another reason, or what a refusal lacks. */
  readonly failure?: string | undefined;
}

export type Matrix = ReturnType<typeof createMatrix>;

const MOST_SHOWN = 50;

/** Collects what differs, so that one run of the test shows all of it. */
export function createMatrix() {
  const differences: string[] = [];
  const refusals = new Map<string, string>();
  let cells = 0;

  const secrets = (caller: Caller): string[] => {
    const may = (asked: Asked, cell: Cell) => expected(caller.rights, asked, targetOf(cell)) === "allowed";
    const hidden = [
      ...RUNS.filter((cell) => cell.exists && !may("read run", cell) && !may("read runs", cell)).map(
        ({ run }) => secretOf.run(run),
      ),
      ...PLACES.filter((cell) => cell.exists && !may("read task", cell)).map(secretOf.task),
      ...PLACES.filter((cell) => cell.exists && !may("read project", cell)).map(({ project }) =>
        secretOf.project(project),
      ),
    ];
    return hidden;
  };

  return {
    /** `ends`: how those who may and whose target exists may fail nevertheless. */
    take: (
      operation: string,
      caller: Caller,
      asked: readonly (Asked | readonly [Asked, Target])[],
      cell: Cell,
      answer: Answer,
      ends: readonly string[],
    ): void => {
      cells++;
      const what = `${operation} about ${cell.about}, by ${caller.name}`;
      const differs = (how: string) => void differences.push(`${what}: ${how}`);
      const wanted = worst(
        asked.map((each) => {
          const [right, target] = typeof each === "string" ? ([each, targetOf(cell)] as const) : each;
          return expected(caller.rights, right, target);
        }),
      );
      if (answer.outcome !== wanted)
        return differs(`${answer.outcome}, not ${wanted}: ${answer.text.slice(0, 200)}`);
      if (
        wanted === "allowed" &&
        cell.exists &&
        answer.failure !== undefined &&
        !ends.includes(answer.failure)
      )
        differs(`allowed, and failed with ${answer.failure}: ${answer.text.slice(0, 200)}`);
      for (const secret of secrets(caller)) if (answer.text.includes(secret)) differs(`shows ${secret}`);
      if (wanted === "allowed") return;
      if (answer.failure !== undefined) differs(`${answer.failure}: ${answer.text.slice(0, 200)}`);
      // Whoever may not read something does not learn whether it exists.
      const text = withoutNames(answer.text, cell);
      const place = cell.project === NOWHERE.project ? ELSEWHERE : cell;
      const key = [operation, caller.name, place.project, place.domain, SERVER.includes(cell)].join();
      const known = refusals.get(key) ?? text;
      refusals.set(key, known);
      if (text !== known) differs(`tells whether it exists: ${text} instead of ${known}`);
    },
    differs: (text: string) => void differences.push(text),
    close: (): number => {
      const shown = differences.slice(0, MOST_SHOWN).join("\n");
      assert.equal(differences.length, 0, `${differences.length} of ${cells} cells differ:\n${shown}`);
      return cells;
    },
  };
}

function targetOf(cell: Cell): Target {
  return { ...cell, run: cell.exists ? cell.run : undefined };
}

function worst(outcomes: readonly Outcome[]): Outcome {
  return (
    outcomes.find((outcome) => outcome === "unauthenticated") ??
    outcomes.find((outcome) => outcome === "denied") ??
    "allowed"
  );
}
