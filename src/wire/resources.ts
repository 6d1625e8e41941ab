/** Kubernetes quantities, as the SDK sends resources ("500m", "2", "1Gi"), to numbers. */
import { BoxkiteError } from "../domain/errors.ts";
import type { ResourceAmounts } from "../domain/task.ts";
import { quoted } from "../domain/text.ts";
import { Resources_ResourceName, type Resources_ResourceEntry } from "./gen/flyteidl2/core/tasks_pb.js";

const FACTORS: ReadonlyMap<string, number> = new Map([
  ["n", 1e-9],
  ["u", 1e-6],
  ["m", 1e-3],
  ["", 1],
  ["k", 1e3],
  ["M", 1e6],
  ["G", 1e9],
  ["T", 1e12],
  ["P", 1e15],
  ["E", 1e18],
  ["Ki", 2 ** 10],
  ["Mi", 2 ** 20],
  ["Gi", 2 ** 30],
  ["Ti", 2 ** 40],
  ["Pi", 2 ** 50],
  ["Ei", 2 ** 60],
]);

/** A number with an exponent or with a suffix, as apimachinery's resource.Quantity has it. */
const QUANTITY = /^\+?(\d+\.?\d*|\.\d+)(?:([eE][+-]?\d+)|([A-Za-z]*))$/u;

/** The number that a quantity stands for. Throws INVALID_ARGUMENT. `what`: the quantity in messages. */
export function parseQuantity(text: string, what: string): number {
  const [whole, digits = "", exponent = "", suffix = ""] = QUANTITY.exec(text.trim()) ?? [];
  const factor = FACTORS.get(suffix);
  if (whole === undefined || factor === undefined) {
    throw new BoxkiteError("INVALID_ARGUMENT", `${what} ${quoted(text)} is not a quantity`, {
      hint: 'write it as Kubernetes does: "500m", "2", "512Mi", "4Gi"',
    });
  }
  const value = Number(digits + exponent) * factor;
  if (value <= Number.MAX_SAFE_INTEGER) return value;
  throw new BoxkiteError("INVALID_ARGUMENT", `${what} ${quoted(text)} is more than any machine has`, {
    hint: 'amounts are written as in Kubernetes: "500m", "2", "512Mi", "4Gi"',
  });
}

/** What Docker takes as the least; a container with less could not even start. */
const LEAST_MEMORY_BYTES = 6 * 2 ** 20;

/**
 * Zero is as good as not set, as for Flyte's backend. Throws INVALID_ARGUMENT, or FIELD_NOT_SUPPORTED for a
 * resource that no executor can give, such as a disk quota. `whose`: for example "the request of task t for".
 */
export function decodeResources(entries: readonly Resources_ResourceEntry[], whose: string): ResourceAmounts {
  const seen = new Set<Resources_ResourceName>();
  let amounts: ResourceAmounts = {};
  for (const entry of entries) {
    const name = NAMES[entry.name] ?? `resource ${entry.name}`;
    const what = `${whose} ${name}`;
    if (seen.has(entry.name))
      throw new BoxkiteError("INVALID_ARGUMENT", `${what} is made twice`, {
        hint: `write ${name} once in flyte.Resources(…)`,
      });
    seen.add(entry.name);
    const decode = DECODERS[entry.name];
    if (decode === undefined) {
      throw new BoxkiteError("FIELD_NOT_SUPPORTED", `${what} cannot be met: this server does not limit it`, {
        hint: `leave ${name} out of flyte.Resources(…)`,
      });
    }
    const value = parseQuantity(entry.value, what);
    if (value > 0) amounts = { ...amounts, ...decode(value, `${what} ${quoted(entry.value)}`) };
  }
  return amounts;
}

/** As authors write them. */
const NAMES: Readonly<Partial<Record<Resources_ResourceName, string>>> = {
  [Resources_ResourceName.CPU]: "cpu",
  [Resources_ResourceName.MEMORY]: "memory",
  [Resources_ResourceName.GPU]: "gpu",
  [Resources_ResourceName.STORAGE]: "storage",
  [Resources_ResourceName.EPHEMERAL_STORAGE]: "disk",
};

/** `what`: the resource with its value, for messages. */
type Decode = (value: number, what: string) => ResourceAmounts;

const DECODERS: Readonly<Partial<Record<Resources_ResourceName, Decode>>> = {
  [Resources_ResourceName.CPU]: (cpu) => ({ cpu }),
  [Resources_ResourceName.MEMORY]: (value, what) => {
    const memoryBytes = Math.ceil(value);
    if (memoryBytes >= LEAST_MEMORY_BYTES) return { memoryBytes };
    const unit = memoryBytes === 1 ? "byte" : "bytes";
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `${what} is ${memoryBytes} ${unit}, too few for any container`,
      {
        hint: 'memory is counted in bytes: "512Mi", "4Gi"',
      },
    );
  },
  [Resources_ResourceName.GPU]: (gpu, what) => {
    if (Number.isInteger(gpu)) return { gpu };
    throw new BoxkiteError("INVALID_ARGUMENT", `${what} is no whole number of devices`, {
      hint: "ask for whole GPUs: gpu=1",
    });
  },
};
