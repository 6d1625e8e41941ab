/**
 * The hashes that name things on the wire: of inputs, of an interface, of a task, of a cache entry.
 * They are those of the Python SDK, byte for byte, so that both name the same action alike.
 */
import { createHash } from "node:crypto";
import { clone, create, toBinary } from "@bufbuild/protobuf";
import { canonicalMsgpack } from "./msgpack-canonical.ts";
import {
  TypedInterfaceSchema,
  VariableMapSchema,
  type TypedInterface,
  type VariableMap,
} from "../gen/flyteidl2/core/interface_pb.js";
import { LiteralSchema, type Literal } from "../gen/flyteidl2/core/literals_pb.js";
import type { NamedLiteral } from "../gen/flyteidl2/task/common_pb.js";

/** SHA-256, in base 64. */
export function hashData(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("base64");
}

/** The hash of named inputs, in the order of the interface; empty if there are none. */
export function hashInputs(literals: readonly NamedLiteral[], ignored: readonly string[] = []): string {
  const counted = literals.filter((literal) => !ignored.includes(literal.name));
  if (counted.length === 0) return "";
  const parts = counted.flatMap((named) => [
    Buffer.from(`${named.name}:`),
    named.value === undefined ? Buffer.alloc(0) : literalBytes(named.value),
    Buffer.from(";"),
  ]);
  return hashData(Buffer.concat(parts));
}

/** A content hash given by the author stands for the value it describes, at any depth. */
function literalBytes(literal: Literal): Uint8Array {
  if (literal.hash !== "") return Buffer.from(literal.hash);
  switch (literal.value.case) {
    case "collection":
      return Buffer.concat(literal.value.value.literals.map(literalBytes));
    case "map": {
      const { literals } = literal.value.value;
      const keys = Object.keys(literals).sort();
      return Buffer.concat(
        keys.flatMap((key) => {
          const entry = literals[key];
          return entry === undefined ? [] : [Buffer.from(key), literalBytes(entry)];
        }),
      );
    }
    case "scalar": {
      const scalar = literal.value.value.value;
      if (scalar.case !== "binary" || scalar.value.tag !== "msgpack") break;
      const canonical = clone(LiteralSchema, literal);
      if (canonical.value.case === "scalar" && canonical.value.value.value.case === "binary") {
        canonical.value.value.value.value.value = canonicalMsgpack(scalar.value.value);
      }
      return toBinary(LiteralSchema, canonical);
    }
    default:
      break;
  }
  return toBinary(LiteralSchema, literal);
}

export function hashInterface(typed: TypedInterface): string {
  const sorted = create(TypedInterfaceSchema, {
    ...(typed.inputs === undefined ? {} : { inputs: sortedVariables(typed.inputs) }),
    ...(typed.outputs === undefined ? {} : { outputs: sortedVariables(typed.outputs) }),
  });
  return hashData(toBinary(TypedInterfaceSchema, sorted));
}

function sortedVariables(map: VariableMap): VariableMap {
  return create(VariableMapSchema, {
    variables: [...map.variables].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)),
  });
}

/** What a task is, whatever its image and bundle: its name, its interface, the version of its code. */
export function hashTaskIdentity(taskName: string, interfaceHash: string, codeVersion: string): string {
  return hashData(`${taskName}-${interfaceHash}-${codeVersion}`);
}

export function hashCacheKey(parts: {
  readonly inputsHash: string;
  readonly taskName: string;
  readonly interfaceHash: string;
  readonly cacheVersion: string;
}): string {
  return hashData(`${parts.inputsHash}${parts.taskName}${parts.interfaceHash}${parts.cacheVersion}`);
}

/**
 * The name of a child action: base 36 of the MD5 of parent, inputs, identity and the number of
 * identical calls so far. A restarted parent makes the same names, which is what makes replay work.
 */
export function childActionName(parts: {
  readonly parent: string;
  readonly inputsHash: string;
  readonly identity: string;
  readonly sequence: number;
  readonly group?: string | undefined;
}): string {
  const group = parts.group ? `-${parts.group}` : "";
  const text = `${parts.parent}-${parts.inputsHash}-${parts.identity}-${parts.sequence}${group}`;
  return BigInt(`0x${createHash("md5").update(text).digest("hex")}`).toString(36);
}
