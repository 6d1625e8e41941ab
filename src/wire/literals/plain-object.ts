/**
 * Whether an object is its own properties and nothing else: made by `{…}` or without a prototype, here or in another
 * realm. An object of a class has methods besides, and may have private fields, which nobody can read.
 */
export function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || (typeof prototype === "object" && Object.getPrototypeOf(prototype) === null);
}
