/** JavaScript values → flyteidl2.core.Literal, by the declared type. */
import { create } from "@bufbuild/protobuf";
import { BLOB, isBlobValue } from "./blob.ts";
import { describeValue, ValueError } from "./errors.ts";
import { describeWireType, encodeVariantType } from "./literal-type.ts";
import { encodeMsgpack, safeNumber } from "./msgpack.ts";
import { matchesWireType } from "./matches-wire.ts";
import { parseDuration, parseTimestamp, timestampFromDate } from "./time.ts";
import type { WireType } from "./wire-type.ts";
import { LiteralSchema, type Literal, type Primitive } from "../gen/flyteidl2/core/literals_pb.js";
import { BlobType_BlobDimensionality } from "../gen/flyteidl2/core/types_pb.js";

const MSGPACK = "msgpack";

/** Throws ValueError, naming `path`, if the value does not fit the type. */
export function encodeLiteral(value: unknown, type: WireType, path: string): Literal {
  switch (type.kind) {
    case "none":
      if (value !== null && value !== undefined) throw mismatch(value, type, path);
      return create(LiteralSchema, {
        value: { case: "scalar", value: { value: { case: "noneType", value: {} } } },
      });
    case "list":
      if (!Array.isArray(value)) throw mismatch(value, type, path);
      return create(LiteralSchema, {
        value: {
          case: "collection",
          value: {
            literals: value.map((item, index) => encodeLiteral(item, type.items, `${path}[${index}]`)),
          },
        },
      });
    case "map":
      return encodeMap(value, type, path);
    case "union": {
      const variant = type.variants.find((candidate) => matchesWireType(value, candidate));
      if (variant === undefined) throw mismatch(value, type, path);
      return create(LiteralSchema, {
        value: {
          case: "scalar",
          value: {
            value: {
              case: "union",
              value: { value: encodeLiteral(value, variant, path), type: encodeVariantType(variant) },
            },
          },
        },
      });
    }
    case "struct":
      return create(LiteralSchema, {
        value: {
          case: "scalar",
          value: {
            value: {
              case: "binary",
              value: { value: encodeMsgpack(value, type.schema, path), tag: MSGPACK },
            },
          },
        },
      });
    case "blob":
      return encodeBlob(value, type, path);
    default:
      return create(LiteralSchema, {
        value: {
          case: "scalar",
          value: {
            value: { case: "primitive", value: { value: encodePrimitive(value, type, path) } },
          },
        },
      });
  }
}

function encodePrimitive(
  value: unknown,
  type: Extract<
    WireType,
    { kind: "string" | "integer" | "float" | "boolean" | "datetime" | "duration" | "enum" }
  >,
  path: string,
): Primitive["value"] {
  switch (type.kind) {
    case "string":
      if (typeof value !== "string") throw mismatch(value, type, path);
      return { case: "stringValue", value };
    case "enum":
      if (typeof value !== "string" || !type.values.includes(value)) throw mismatch(value, type, path);
      return { case: "stringValue", value };
    case "boolean":
      if (typeof value !== "boolean") throw mismatch(value, type, path);
      return { case: "boolean", value };
    case "float":
      if (typeof value !== "number") throw mismatch(value, type, path);
      return { case: "floatValue", value };
    case "integer":
      return { case: "integer", value: encodeInteger(value, type, path) };
    case "datetime":
      if (value instanceof Date) return { case: "datetime", value: at(path, () => timestampFromDate(value)) };
      if (typeof value !== "string") throw mismatch(value, type, path);
      return { case: "datetime", value: at(path, () => parseTimestamp(value)) };
    case "duration":
      if (typeof value !== "string") throw mismatch(value, type, path);
      return { case: "duration", value: at(path, () => parseDuration(value)) };
  }
}

/** With the path in front of what is wrong. */
function at<T>(path: string, convert: () => T): T {
  try {
    return convert();
  } catch (error) {
    throw error instanceof ValueError ? new ValueError(`${path}: ${error.message}`) : error;
  }
}

function encodeInteger(value: unknown, type: WireType, path: string): bigint {
  if (typeof value === "bigint") {
    if (BigInt.asIntN(64, value) !== value) throw new ValueError(`${path}: ${value} does not fit 64 bits`);
    return value;
  }
  if (typeof value !== "number" || !Number.isInteger(value)) throw mismatch(value, type, path);
  if (!Number.isSafeInteger(value)) {
    throw new ValueError(
      `${path}: ${value} is beyond 2^53, so it is not exact any more; declare it as a bigint`,
    );
  }
  return BigInt(safeNumber(BigInt(value), path));
}

function encodeMap(value: unknown, type: Extract<WireType, { kind: "map" }>, path: string): Literal {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw mismatch(value, type, path);
  // In order, because the bytes of a protobuf map are those of its insertion order, and hashes want one order.
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return create(LiteralSchema, {
    value: {
      case: "map",
      value: {
        literals: Object.fromEntries(
          entries.map(([key, entry]) => [key, encodeLiteral(entry, type.values, `${path}.${key}`)]),
        ),
      },
    },
  });
}

function encodeBlob(value: unknown, type: Extract<WireType, { kind: "blob" }>, path: string): Literal {
  if (!isBlobValue(value)) throw mismatch(value, type, path);
  const reference = value[BLOB]();
  if (reference.multipart !== type.multipart) throw mismatch(value, type, path);
  return create(LiteralSchema, {
    value: {
      case: "scalar",
      value: {
        value: {
          case: "blob",
          value: {
            uri: reference.uri,
            metadata: {
              type: {
                format: type.format || reference.format,
                dimensionality: type.multipart
                  ? BlobType_BlobDimensionality.MULTIPART
                  : BlobType_BlobDimensionality.SINGLE,
              },
            },
          },
        },
      },
    },
    ...(reference.hash === undefined ? {} : { hash: reference.hash }),
  });
}

function mismatch(value: unknown, type: WireType, path: string): ValueError {
  return new ValueError(`${path}: expected ${describeWireType(type)}, got ${describeValue(value)}`);
}
