/**
 * Filters as text, which only ListProjects still has: `eq(state, 0)`, several joined by `+` (seen sent by
 * flyte 2.12.1, remote/_project.py).
 */
import { BoxkiteError } from "../domain/errors.ts";
import type { Comparison, ListFilter } from "../domain/list.ts";
import { ownValue } from "../domain/own-value.ts";

const FUNCTIONS: Readonly<Record<string, Comparison>> = {
  eq: "=",
  ne: "!=",
  gt: ">",
  gte: ">=",
  lt: "<",
  lte: "<=",
  contains: "contains",
  value_in: "in",
};

/** flyteidl2.project.ProjectState by number; the other two are Flyte's own and never stored here. */
const STATES = ["active", "archived"];

/** Throws INVALID_ARGUMENT. */
export function decodeTextFilters(text: string): ListFilter[] {
  if (text.trim() === "") return [];
  return text.split("+").map(decodeOne);
}

function decodeOne(text: string): ListFilter {
  const match = /^\s*(\w+)\(\s*([\w.]+)\s*,\s*(.*?)\s*\)\s*$/u.exec(text);
  const comparison = match && ownValue(FUNCTIONS, match[1] as string);
  if (!match || !comparison) {
    throw new BoxkiteError("INVALID_ARGUMENT", `the filter ${JSON.stringify(text)} is not understood`, {
      hint: `write it as eq(name, value), with one of: ${Object.keys(FUNCTIONS).join(", ")}`,
    });
  }
  const field = match[2] as string;
  const values = comparison === "in" ? (match[3] as string).split(";") : [match[3] as string];
  return {
    field,
    comparison,
    values: field === "state" ? values.map((value) => STATES[Number(value)] ?? value) : values,
  };
}
