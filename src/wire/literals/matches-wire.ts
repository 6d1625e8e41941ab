/** Whether a value could be encoded as a type: how the member of a union is chosen. */
import { BLOB, isBlobValue } from "./blob.ts";
import { matchesSchema } from "./matches.ts";
import type { WireType } from "./wire-type.ts";

export function matchesWireType(value: unknown, type: WireType): boolean {
  switch (type.kind) {
    case "none":
      return value === null || value === undefined;
    case "string":
      return typeof value === "string";
    case "enum":
      return typeof value === "string" && type.values.includes(value);
    case "boolean":
      return typeof value === "boolean";
    case "integer":
      return typeof value === "bigint" || Number.isInteger(value);
    case "float":
      return typeof value === "number";
    case "datetime":
      return value instanceof Date || (typeof value === "string" && !Number.isNaN(Date.parse(value)));
    case "duration":
      return typeof value === "string" && /^[+-]?P[\dT]/.test(value);
    case "list":
      return Array.isArray(value) && value.every((item) => matchesWireType(item, type.items));
    case "map":
      return (
        typeof value === "object" &&
        value !== null &&
        !Array.isArray(value) &&
        Object.values(value).every((entry) => entry === undefined || matchesWireType(entry, type.values))
      );
    case "struct":
      return type.schema === undefined ? value !== undefined : matchesSchema(value, type.schema, type.schema);
    case "union":
      return type.variants.some((variant) => matchesWireType(value, variant));
    case "blob":
      return isBlobValue(value) && value[BLOB]().multipart === type.multipart;
  }
}
