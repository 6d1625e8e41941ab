/** flyteidl2.core.Literal → JavaScript values, by the declared type. */
import { makeBlob } from "./blob.ts";
import { fitsSchema } from "./check-value.ts";
import { compareTypes } from "./compare-types.ts";
import { ValueError } from "./errors.ts";
import { decodeLiteralType, describeWireType, isAssignable } from "./literal-type.ts";
import { decodeMsgpack, safeNumber } from "./msgpack.ts";
import { dateFromTimestamp, formatDate, formatDuration, formatTimestamp } from "./time.ts";
import type { WireType } from "./wire-type.ts";
import type { Literal, Primitive, Scalar } from "../gen/flyteidl2/core/literals_pb.js";
import { BlobType_BlobDimensionality } from "../gen/flyteidl2/core/types_pb.js";

/** Throws ValueError, naming `path`, if the literal does not hold a value of the type. */
export function decodeLiteral(literal: Literal, type: WireType, path: string): unknown {
  if (type.kind === "union") return decodeUnion(literal, type, path);
  const { value } = literal;
  switch (value.case) {
    case "collection":
      if (type.kind !== "list") throw mismatch(literal, type, path);
      return value.value.literals.map((item, index) => decodeLiteral(item, type.items, `${path}[${index}]`));
    case "map":
      if (type.kind !== "map") throw mismatch(literal, type, path);
      return Object.fromEntries(
        Object.entries(value.value.literals).map(([key, entry]) => [
          key,
          decodeLiteral(entry, type.values, `${path}.${key}`),
        ]),
      );
    case "scalar":
      return decodeScalar(value.value, literal, type, path);
    case "offloadedMetadata":
      throw new ValueError(
        `${path}: the value was moved to ${value.value.uri}, which this version does not read`,
      );
    default:
      throw mismatch(literal, type, path);
  }
}

function decodeScalar(scalar: Scalar, literal: Literal, type: WireType, path: string): unknown {
  const { value } = scalar;
  switch (value.case) {
    case "primitive":
      return decodePrimitive(value.value.value, literal, type, path);
    case "noneType":
      if (type.kind !== "none" && type.kind !== "struct") throw mismatch(literal, type, path);
      return null;
    case "union":
      // A caller that declares Optional[T] may send its union to an input that is plainly T.
      if (value.value.value === undefined) throw mismatch(literal, type, path);
      return decodeLiteral(value.value.value, type, path);
    case "binary": {
      if (value.value.tag !== "msgpack") {
        throw new ValueError(
          `${path}: binary data with the tag ${JSON.stringify(value.value.tag)}, expected msgpack`,
        );
      }
      const schema = type.kind === "struct" ? type.schema : undefined;
      return decodeMsgpack(value.value.value, schema, path);
    }
    case "generic":
      // How the web console sends objects it made from a form.
      if (type.kind !== "struct") throw mismatch(literal, type, path);
      return value.value;
    case "blob": {
      if (type.kind !== "blob") throw mismatch(literal, type, path);
      const blobType = value.value.metadata?.type;
      return makeBlob({
        uri: value.value.uri,
        multipart: blobType?.dimensionality === BlobType_BlobDimensionality.MULTIPART || type.multipart,
        format: blobType?.format ?? type.format,
        ...(literal.hash === "" ? {} : { hash: literal.hash }),
      });
    }
    default:
      throw mismatch(literal, type, path);
  }
}

function decodePrimitive(
  primitive: Primitive["value"],
  literal: Literal,
  type: WireType,
  path: string,
): unknown {
  switch (primitive.case) {
    case "integer":
      if (type.kind === "integer") return type.bigint ? primitive.value : safeNumber(primitive.value, path);
      if (type.kind === "float") return Number(primitive.value);
      break;
    case "floatValue":
      if (type.kind === "float") return primitive.value;
      // Web forms know one kind of number; a whole one is accepted for an integer.
      if (type.kind === "integer" && Number.isSafeInteger(primitive.value)) {
        return type.bigint ? BigInt(primitive.value) : primitive.value;
      }
      break;
    case "stringValue":
      if (type.kind === "string") return primitive.value;
      if (type.kind === "enum" && type.values.includes(primitive.value)) return primitive.value;
      break;
    case "boolean":
      if (type.kind === "boolean") return primitive.value;
      break;
    case "datetime":
      if (type.kind !== "datetime") break;
      if (type.asDate) return dateFromTimestamp(primitive.value);
      return type.date ? formatDate(primitive.value) : formatTimestamp(primitive.value);
    case "duration":
      if (type.kind === "duration") return formatDuration(primitive.value);
      break;
    default:
      break;
  }
  throw mismatch(literal, type, path);
}

function decodeUnion(literal: Literal, type: Extract<WireType, { kind: "union" }>, path: string): unknown {
  const scalar = literal.value.case === "scalar" ? literal.value.value.value : undefined;
  if (scalar?.case === "union" && scalar.value.value !== undefined) {
    const inner = scalar.value.value;
    const sent = scalar.value.type === undefined ? undefined : decodeLiteralType(scalar.value.type);
    const candidates = sent === undefined ? type.variants : candidatesFor(sent, type.variants);
    return firstThatDecodes(inner, candidates, type, path);
  }
  return firstThatDecodes(literal, type.variants, type, path);
}

function firstThatDecodes(
  literal: Literal,
  candidates: readonly WireType[],
  type: WireType,
  path: string,
): unknown {
  let found: { readonly value: unknown } | undefined;
  for (const variant of candidates) {
    try {
      const value = decodeLiteral(literal, variant, path);
      const fits =
        variant.kind !== "struct" || variant.schema === undefined || fitsSchema(value, variant.schema);
      if (fits) return value;
      found ??= { value };
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
    }
  }
  if (found === undefined) throw mismatch(literal, type, path);
  return found.value;
}

/** The members that may hold what was sent, those first that hold all that such a type can be. */
function candidatesFor(sent: WireType, variants: readonly WireType[]): WireType[] {
  const possible = variants.filter((variant) => isAssignable(sent, variant));
  const exact = possible.filter((variant) => compareTypes(sent, variant).length === 0);
  return [...exact, ...possible.filter((variant) => !exact.includes(variant))];
}

function mismatch(literal: Literal, type: WireType, path: string): ValueError {
  return new ValueError(
    `${path}: expected ${describeWireType(type)}, the literal holds ${describeLiteral(literal)}`,
  );
}

function describeLiteral(literal: Literal): string {
  const { value } = literal;
  if (value.case !== "scalar") return value.case ?? "nothing";
  const scalar = value.value.value;
  return scalar.case === "primitive" ? (scalar.value.value.case ?? "nothing") : (scalar.case ?? "nothing");
}
