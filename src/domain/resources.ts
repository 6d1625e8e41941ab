/** Does a task's request fit into the capacity, or into what is free of it? */
import { BoxkiteError } from "./errors.ts";
import type { ResourceAmounts, TaskDefinition } from "./task.ts";

const NAMES = ["cpu", "memoryBytes", "gpu"] as const;
type Name = (typeof NAMES)[number];

/** Resources that a task uses while it runs: its request, or its limit where only that is set. */
export function takes({ requests, limits }: Pick<TaskDefinition, "requests" | "limits">): ResourceAmounts {
  return { ...limits, ...requests };
}

/**
 * What a task may not exceed: its limit, or its request where it names only that, as Flyte's backend has it
 * (flyteplugins, flytek8s/container_helper.go, AdjustOrDefaultResource).
 */
export function limitsOf({ requests, limits }: Pick<TaskDefinition, "requests" | "limits">): ResourceAmounts {
  return { ...requests, ...limits };
}

/** A task asked for more processors than the machine has, and gets those that there are. */
export interface CpuCap {
  readonly asked: number;
  readonly given: number;
}

/** Undefined where the processors suffice. Memory and devices are never capped: with less of them a task fails. */
export function cpuCapOf(definition: TaskDefinition, capacity: ResourceAmounts): CpuCap | undefined {
  const asked = takes(definition).cpu ?? 0;
  const given = capacity.cpu ?? Number.POSITIVE_INFINITY;
  return asked > given ? { asked, given } : undefined;
}

/** The amounts with no more processors than the cap gives. */
export function capped(amounts: ResourceAmounts, cap: CpuCap | undefined): ResourceAmounts {
  if (cap === undefined || amounts.cpu === undefined) return amounts;
  return { ...amounts, cpu: Math.min(amounts.cpu, cap.given) };
}

/** What was asked and what was given, for the reader of the run. */
export function capText({ asked, given }: CpuCap): string {
  return `asked for ${amount("cpu", asked)}, and is given ${amount("cpu", given)}, all that the machine has (--cap-cpu)`;
}

/** Throws INVALID_ARGUMENT for a task that this machine could never run. `cap`: of its processors, where it has one. */
export function requireFits(definition: TaskDefinition, capacity: ResourceAmounts, cap?: CpuCap): void {
  const wanted = capped(takes(definition), cap);
  for (const name of NAMES) {
    const [want, have] = [wanted[name] ?? 0, capacity[name] ?? Number.POSITIVE_INFINITY];
    if (want <= have) continue;
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `task ${definition.name} asks for ${amount(name, want)}, and this machine has ${amount(name, have)}`,
      { hint: BEYOND[name] },
    );
  }
}

/** What to do about a request beyond the machine. */
const BEYOND: Readonly<Record<Name, string>> = {
  cpu: "ask for less with resources=flyte.Resources(…), or start the server with --cap-cpu (cap-cpu: true in its settings file): such a task then runs with the processors that there are",
  memoryBytes:
    "ask for less with resources=flyte.Resources(…), or run the server on a machine with more memory",
  gpu: "run the server on a machine with a GPU (for containers: with Docker and the NVIDIA container toolkit), or leave gpu out of flyte.Resources(…)",
};

/** Why the request does not fit into what is free, or undefined if it does. */
export function lacks(
  wanted: ResourceAmounts,
  capacity: ResourceAmounts,
  used: ResourceAmounts,
): string | undefined {
  for (const name of NAMES) {
    const free = (capacity[name] ?? Number.POSITIVE_INFINITY) - (used[name] ?? 0);
    const want = wanted[name] ?? 0;
    if (want > free) return `waiting: needs ${amount(name, want)}, ${amount(name, Math.max(0, free))} free`;
  }
  return undefined;
}

export function sum(a: ResourceAmounts, b: ResourceAmounts): ResourceAmounts {
  return combine(a, b, 1);
}

export function minus(a: ResourceAmounts, b: ResourceAmounts): ResourceAmounts {
  return combine(a, b, -1);
}

/** Rounds fractions of a processor: sums of floating-point numbers must return to exactly zero. */
function combine(a: ResourceAmounts, b: ResourceAmounts, sign: 1 | -1): ResourceAmounts {
  return {
    cpu: Math.round(((a.cpu ?? 0) + sign * (b.cpu ?? 0)) * 1e6) / 1e6,
    memoryBytes: (a.memoryBytes ?? 0) + sign * (b.memoryBytes ?? 0),
    gpu: (a.gpu ?? 0) + sign * (b.gpu ?? 0),
  };
}

function amount(name: Name, value: number): string {
  if (name === "memoryBytes") return `${round(value / 2 ** 30)} GiB`;
  if (name === "gpu") return value === 0 ? "no GPU" : `${value} GPU${value === 1 ? "" : "s"}`;
  return `${round(value)} CPU`;
}

function round(value: number): string {
  return String(Math.round(value * 100) / 100);
}
