/** How a reproduction ended, for people. */
import type { ReproductionOutcome } from "../../services/reproduction-outcome.ts";

export function outcomeText(outcome: ReproductionOutcome): string {
  switch (outcome.kind) {
    case "nothing":
      return "it wrote no result\n";
    case "error":
      return `it failed: ${outcome.code}: ${outcome.text}\n`;
    case "outputs": {
      const { values } = outcome;
      return values.length === 0
        ? "it succeeded, without outputs\n"
        : `it succeeded:\n${values.map(({ name, text }) => `  ${name} = ${text}\n`).join("")}`;
    }
  }
}

/** Of the command: a program of flyte ends with 0 also where its task failed. */
export function exitCodeOf(outcome: ReproductionOutcome, programCode: number): number {
  if (programCode !== 0) return programCode;
  return outcome.kind === "error" ? 1 : 0;
}
