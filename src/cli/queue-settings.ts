/** The `queues:` section of the file of `boxkite up --config`. */
import { BoxkiteError } from "../domain/errors.ts";
import type { Queue, Queues } from "../domain/queue.ts";

const FIELDS: readonly string[] = ["max-parallel", "priority"];
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/u;
const LIMIT = 10_000;

/** Throws CONFIG_INVALID naming the queue and the field. */
export function readQueues(section: unknown): Queues {
  if (section === undefined || section === null) return new Map();
  if (!isMapping(section)) throw invalid("queues", "a mapping of names to limits");
  return new Map(Object.entries(section).map(([name, fields]) => [name, readQueue(name, fields)]));
}

function readQueue(name: string, fields: unknown): Queue {
  const path = `queues.${name}`;
  if (!NAME.test(name)) throw invalid(path, "named with letters, digits, - and _");
  if (!isMapping(fields)) throw invalid(path, "a mapping with max-parallel, and priority if it has one");
  const unknown = Object.keys(fields).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) throw invalid(`${path}.${unknown}`, `one of ${FIELDS.join(", ")}`);
  return {
    name,
    maxParallel: whole(`${path}.max-parallel`, fields["max-parallel"], 1),
    priority: whole(`${path}.priority`, fields["priority"] ?? 0, -LIMIT),
  };
}

function whole(path: string, value: unknown, min: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= LIMIT) return value;
  throw invalid(path, `a whole number from ${min} to ${LIMIT}`);
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(path: string, wanted: string): BoxkiteError {
  return new BoxkiteError("CONFIG_INVALID", `${path} in the file must be ${wanted}`);
}
