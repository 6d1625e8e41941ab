/** A value does not fit the type it was declared with. The message names the path inside the value. */
export class ValueError extends TypeError {
  override readonly name = "ValueError";
}

/** What a value is, for messages, without printing all of it. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string")
    return value.length > 40 ? `a string of ${value.length} characters` : JSON.stringify(value);
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint")
    return String(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  return `an object of class ${(value as object).constructor?.name ?? "Object"}`;
}
