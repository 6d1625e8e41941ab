/** What of a value would be lost if only its elements or its own properties were carried. */
import { isBlobValue } from "./blob.ts";
import { describeValue } from "./errors.ts";

/**
 * Whether an object is its own properties and nothing else: made by `{…}` or without a prototype, here or in another
 * realm. An object of a class has methods besides, and may have private fields, which nobody can read.
 */
function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || (typeof prototype === "object" && Object.getPrototypeOf(prototype) === null);
}

/** Undefined for an object that is no more than its own properties. */
export function lossOfObject(value: object): string | undefined {
  if (isBlobValue(value))
    return "a File or Dir is carried as an input or output of its own, or in a list of them";
  if (!isPlainObject(value)) {
    return `${describeValue(value)} cannot be carried: its methods and private fields would be lost; pass a plain object with what is needed`;
  }
  return Object.getOwnPropertySymbols(value).length === 0
    ? undefined
    : "a property whose key is a symbol cannot be carried";
}

/** Undefined for an array that is no more than its elements; otherwise the rest of a path, and what is there. */
export function lossOfArray(value: readonly unknown[]): string | undefined {
  const hole = value.findIndex((_, index) => !(index in value));
  if (hole >= 0) return `[${hole}]: the array has a hole here; give the element a value`;
  const further = Object.keys(value).find((key) => !/^\d+$/.test(key));
  return further === undefined
    ? undefined
    : `.${further}: an array is carried without further properties; make an object of it`;
}
