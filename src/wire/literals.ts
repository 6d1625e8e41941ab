/** What Boxkite itself reads in literals: the objects they point at. */
import { fromBinary } from "@bufbuild/protobuf";
import type { Literal, Scalar } from "./gen/flyteidl2/core/literals_pb.js";
import { OutputsSchema, type NamedLiteral, type Outputs } from "./gen/flyteidl2/task/common_pb.js";

/** URIs of files, directories, data frames and offloaded values anywhere in these literals. */
export function objectUrisIn(literals: readonly NamedLiteral[]): string[] {
  const found = new Set<string>();
  for (const { value } of literals) if (value) collect(value, found);
  return [...found];
}

/** The same for a serialized flyteidl2.task.Outputs; empty where the bytes are none. */
export function objectUrisInOutputs(bytes: Uint8Array): string[] {
  let outputs: Outputs;
  try {
    outputs = fromBinary(OutputsSchema, bytes);
  } catch {
    // A task wrote it; whoever reads it gets the error.
    return [];
  }
  return objectUrisIn(outputs.literals);
}

/** Does it name an object, or a folder of them? A bucket as a whole is neither. */
export function namesObject(uri: string): boolean {
  return /^s3:\/\/[^/]+\/[^/]/u.test(uri);
}

function collect(literal: Literal, found: Set<string>): void {
  const { value } = literal;
  switch (value.case) {
    case "scalar":
      collectScalar(value.value, found);
      return;
    case "collection":
      for (const item of value.value.literals) collect(item, found);
      return;
    case "map":
      for (const item of Object.values(value.value.literals)) collect(item, found);
      return;
    case "offloadedMetadata":
      add(value.value.uri, found);
      return;
    default:
  }
}

function collectScalar(scalar: Scalar, found: Set<string>): void {
  const { value } = scalar;
  switch (value.case) {
    case "blob":
    case "schema":
    case "structuredDataset":
      add(value.value.uri, found);
      return;
    case "union":
      if (value.value.value) collect(value.value.value, found);
      return;
    case "binary":
      // A File inside a dataclass is a string inside the packed bytes.
      for (const match of Buffer.from(value.value.value)
        .toString("latin1")
        .matchAll(/s3:\/\/[\x21-\x7e]+/gu)) {
        add(match[0], found);
      }
      return;
    default:
  }
}

function add(uri: string, found: Set<string>): void {
  if (!namesObject(uri)) return;
  found.add(uri);
  // A directory's or data frame's URI stands for what is below it.
  found.add(`${uri.replace(/\/+$/u, "")}/`);
}
