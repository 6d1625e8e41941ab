/** Named queues: how many actions of each compute at the same time, and which queue goes first. */
import { BoxkiteError } from "./errors.ts";

export interface Queue {
  readonly name: string;
  /** Actions that may compute at the same time. */
  readonly maxParallel: number;
  /** A queue with a higher one is served first. */
  readonly priority: number;
}

/** The queues that the server's settings define, by name. */
export type Queues = ReadonlyMap<string, Queue>;

/** Of actions that name no queue: only the limits of the whole server hold for it. */
const UNNAMED_QUEUE: Queue = { name: "", maxParallel: Number.POSITIVE_INFINITY, priority: 0 };

/** Throws INVALID_ARGUMENT for a queue that the server does not know, naming those that it knows. */
export function requireQueue(queues: Queues, name: string): void {
  if (name === UNNAMED_QUEUE.name || queues.has(name)) return;
  throw new BoxkiteError("INVALID_ARGUMENT", `there is no queue ${name}`, {
    hint:
      queues.size === 0
        ? `leave queue= out, or define ${name} under queues: in the file of boxkite up --config`
        : `use one of: ${[...queues.keys()].join(", ")}`,
  });
}

/** The queues in the order in which they are served. One that is no longer defined lets nothing start. */
export function byPriority(names: readonly string[], queues: Queues): Queue[] {
  return names
    .map((name) => {
      if (name === UNNAMED_QUEUE.name) return UNNAMED_QUEUE;
      return queues.get(name) ?? { name, maxParallel: 0, priority: 0 };
    })
    .toSorted((a, b) => b.priority - a.priority);
}

/** Why nothing more of the queue may start, or undefined. */
export function fullReason({ name, maxParallel }: Queue, computing: number): string | undefined {
  if (maxParallel === 0) return `waiting: queue ${name} is not in the server's settings any more`;
  if (computing < maxParallel) return undefined;
  // Resumed parents may exceed the limit, since their slots were given away; the reason shows the limit only.
  return `waiting: queue ${name} is full (${maxParallel} of ${maxParallel})`;
}
