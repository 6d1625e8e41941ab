/** Kubernetes quantities, as the SDK sends resources ("500m", "2", "1Gi"), to numbers. */
import { BoxkiteError } from "../domain/errors.ts";
import type { ResourceAmounts } from "../domain/task.ts";
import { Resources_ResourceName, type Resources_ResourceEntry } from "./gen/flyteidl2/core/tasks_pb.js";

const SUFFIXES: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The number that a quantity stands for. Throws INVALID_ARGUMENT. */
export function parseQuantity(text: string, field: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)([A-Za-z]*)$/u.exec(text.trim());
  const factor = SUFFIXES[match?.[2] ?? ""];
  if (!match || factor === undefined) {
    throw new BoxkiteError("INVALID_ARGUMENT", `${field} ${JSON.stringify(text)} is not a quantity`, {
      hint: 'write it as Kubernetes does: "500m", "2", "512Mi", "4Gi"',
    });
  }
  return Number(match[1]) * factor;
}

/** Throws FIELD_NOT_SUPPORTED for a resource that no executor can give, such as a disk quota. */
export function decodeResources(entries: readonly Resources_ResourceEntry[], path: string): ResourceAmounts {
  let amounts: ResourceAmounts = {};
  for (const entry of entries) {
    const name = Resources_ResourceName[entry.name] ?? String(entry.name);
    const value = parseQuantity(entry.value, `${path} ${name.toLowerCase()}`);
    switch (entry.name) {
      case Resources_ResourceName.CPU:
        amounts = { ...amounts, cpu: value };
        break;
      case Resources_ResourceName.MEMORY:
        amounts = { ...amounts, memoryBytes: Math.ceil(value) };
        break;
      case Resources_ResourceName.GPU:
        amounts = { ...amounts, gpu: Math.ceil(value) };
        break;
      default:
        throw new BoxkiteError(
          "FIELD_NOT_SUPPORTED",
          `${path} sets ${name}, and this server does not limit that`,
          {
            hint: "leave it out of flyte.Resources(…)",
          },
        );
    }
  }
  return amounts;
}
