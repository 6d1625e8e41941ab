/** The section `queues` of the settings file. */
import { BoxkiteError } from "../domain/errors.ts";
import type { Queue, Queues } from "../domain/queue.ts";
import { mappingOf, refuseUnknown, wholeOf } from "./setting-values.ts";

const KNOWN = ["max-parallel", "priority"];
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/u;
const LIMIT = 10_000;

/** Throws CONFIG_INVALID naming the queue and the setting. */
export function readQueues(value: unknown): Queues {
  const queues = Object.entries(mappingOf(value, "queues"));
  return new Map(queues.map(([name, settings]) => [name, readQueue(name, settings)]));
}

function readQueue(name: string, value: unknown): Queue {
  const what = `queues: ${name}`;
  if (!NAME.test(name))
    throw new BoxkiteError("CONFIG_INVALID", `${what} is no name of a queue; use letters, digits, - and _`);
  const settings = mappingOf(value, what);
  refuseUnknown(settings, KNOWN, what);
  return {
    name,
    maxParallel: wholeOf(settings["max-parallel"], `${what}: max-parallel`, 1, LIMIT),
    priority: wholeOf(settings["priority"] ?? 0, `${what}: priority`, -LIMIT, LIMIT),
  };
}
