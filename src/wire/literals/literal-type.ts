/** WireType ⇄ flyteidl2.core.LiteralType, laid out as the Python SDK lays it out. */
import { create, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import type { JsonSchema } from "./json-schema.ts";
import type { WireType } from "./wire-type.ts";
import { unionOf } from "./wire-type.ts";
import {
  BlobType_BlobDimensionality,
  LiteralTypeSchema,
  SimpleType,
  TypeStructureSchema,
  type LiteralType,
} from "../gen/flyteidl2/core/types_pb.js";

/**
 * The Python SDK picks a reader for a value in a union by the name of its own converter, so each
 * variant carries that name.
 */
const PYTHON_CONVERTER = {
  none: "none",
  string: "str",
  integer: "int",
  float: "float",
  boolean: "bool",
  duration: "timedelta",
  enum: "DefaultEnumTransformer",
  list: "Typed List",
  map: "Typed Dict",
} as const;

const SIMPLE = {
  none: SimpleType.NONE,
  string: SimpleType.STRING,
  integer: SimpleType.INTEGER,
  float: SimpleType.FLOAT,
  boolean: SimpleType.BOOLEAN,
  datetime: SimpleType.DATETIME,
  duration: SimpleType.DURATION,
} as const;

export function encodeLiteralType(type: WireType): LiteralType {
  switch (type.kind) {
    case "enum":
      return create(LiteralTypeSchema, { type: { case: "enumType", value: { values: [...type.values] } } });
    case "list":
      return create(LiteralTypeSchema, {
        type: { case: "collectionType", value: encodeLiteralType(type.items) },
      });
    case "map":
      return create(LiteralTypeSchema, {
        type: { case: "mapValueType", value: encodeLiteralType(type.values) },
      });
    case "union":
      return create(LiteralTypeSchema, {
        type: { case: "unionType", value: { variants: type.variants.map(encodeVariantType) } },
      });
    case "blob":
      return create(LiteralTypeSchema, {
        type: {
          case: "blob",
          value: {
            format: type.format,
            dimensionality: type.multipart
              ? BlobType_BlobDimensionality.MULTIPART
              : BlobType_BlobDimensionality.SINGLE,
          },
        },
      });
    case "struct":
      return create(LiteralTypeSchema, {
        type: { case: "simple", value: SimpleType.STRUCT },
        annotation: { annotations: { "cache-key-metadata": { "serialization-format": "msgpack" } } },
        ...(type.schema === undefined
          ? {}
          : {
              metadata: sortedJson(type.schema as unknown as JsonValue) as JsonObject,
              structure: { tag: converterOf(type) },
            }),
      });
    default:
      return create(LiteralTypeSchema, { type: { case: "simple", value: SIMPLE[type.kind] } });
  }
}

/** The type as a member of a union: tagged with the Python converter's name. */
export function encodeVariantType(type: WireType): LiteralType {
  const literalType = encodeLiteralType(type);
  literalType.structure = create(TypeStructureSchema, { tag: converterOf(type) });
  return literalType;
}

function converterOf(type: WireType): string {
  switch (type.kind) {
    case "datetime":
      return type.date ? "date" : "datetime";
    case "struct":
      return type.schema === undefined ? "Typed Dict" : "Pydantic Transformer";
    case "blob":
      return type.multipart ? "Dir" : "File";
    case "union":
      return "Typed Union";
    default:
      return PYTHON_CONVERTER[type.kind];
  }
}

/** Reads the type of a deployed interface. Types that TypeScript values can't have are refused by name. */
export function decodeLiteralType(literalType: LiteralType): WireType {
  const { type } = literalType;
  switch (type.case) {
    case "simple":
      return decodeSimple(type.value, literalType);
    case "collectionType":
      return { kind: "list", items: decodeLiteralType(type.value) };
    case "mapValueType":
      return { kind: "map", values: decodeLiteralType(type.value) };
    case "enumType":
      return { kind: "enum", values: type.value.values };
    case "unionType":
      return unionOf(type.value.variants.map(decodeLiteralType));
    case "blob":
      return {
        kind: "blob",
        multipart: type.value.dimensionality === BlobType_BlobDimensionality.MULTIPART,
        format: type.value.format,
      };
    default:
      throw new TypeError(`the Flyte type ${type.case ?? "(unset)"} has no TypeScript counterpart`);
  }
}

function decodeSimple(simple: SimpleType, literalType: LiteralType): WireType {
  switch (simple) {
    case SimpleType.NONE:
      return { kind: "none" };
    case SimpleType.INTEGER:
      return { kind: "integer", bigint: false };
    case SimpleType.FLOAT:
      return { kind: "float" };
    case SimpleType.STRING:
      return { kind: "string" };
    case SimpleType.BOOLEAN:
      return { kind: "boolean" };
    case SimpleType.DATETIME:
      return { kind: "datetime", asDate: false, date: literalType.structure?.tag === "date" };
    case SimpleType.DURATION:
      return { kind: "duration" };
    case SimpleType.STRUCT:
      return { kind: "struct", schema: literalType.metadata as unknown as JsonSchema | undefined };
    default:
      throw new TypeError(`the Flyte type ${SimpleType[simple]} has no TypeScript counterpart`);
  }
}

/** Whether a value declared as `from` may be passed to something that expects `to`. */
export function isAssignable(from: WireType, to: WireType): boolean {
  if (from.kind === "union") return from.variants.every((variant) => isAssignable(variant, to));
  if (to.kind === "union") return to.variants.some((variant) => isAssignable(from, variant));
  if (from.kind === "list" && to.kind === "list") return isAssignable(from.items, to.items);
  if (from.kind === "map" && to.kind === "map") return isAssignable(from.values, to.values);
  if (from.kind === "enum" && to.kind === "string") return true;
  if (from.kind === "enum" && to.kind === "enum")
    return from.values.every((value) => to.values.includes(value));
  if (from.kind === "blob" && to.kind === "blob") {
    return from.multipart === to.multipart && (to.format === "" || from.format === to.format);
  }
  return from.kind === to.kind;
}

/** A short name for messages: `integer`, `list of string`, `string or none`. */
export function describeWireType(type: WireType): string {
  switch (type.kind) {
    case "list":
      return `list of ${describeWireType(type.items)}`;
    case "map":
      return `map of ${describeWireType(type.values)}`;
    case "union":
      return type.variants.map(describeWireType).join(" or ");
    case "enum":
      return `one of ${type.values.map((value) => JSON.stringify(value)).join(", ")}`;
    case "struct":
      return type.schema?.title ?? "object";
    case "blob":
      return type.multipart ? "Dir" : "File";
    default:
      return type.kind;
  }
}

/** The same JSON with every object's keys in order, so that equal interfaces have equal bytes. */
export function sortedJson(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sortedJson);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, entry]) => [key, sortedJson(entry)]));
}
