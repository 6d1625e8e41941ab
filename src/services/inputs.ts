/** Inputs of a run: written to the object store before the run exists, under a name made of their content. */
import { createHash } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import type { ProjectKey } from "../domain/ids.ts";
import type { NewAction } from "../domain/action-record.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { parseObjectUri } from "../objects/uri.ts";
import { offloadedInputsUri } from "../orchestrator/paths.ts";
import { keyOfUri, objectKeyOf } from "./object-keys.ts";
import { decodeMessage } from "../wire/decode-message.ts";
import { InputsSchema, type Inputs } from "../wire/gen/flyteidl2/task/common_pb.js";
import { OffloadedInputDataSchema, type OffloadedInputData } from "../wire/gen/flyteidl2/common/run_pb.js";
import { hashInputs } from "../wire/literals/hash.ts";
import { requireInlineSize } from "../wire/inline-size.ts";
import { taskSubject } from "../wire/support.ts";
import type { ServiceContext } from "./context.ts";

type Needs = Pick<ServiceContext, "objects" | "bucket">;

/** Stores the inputs and says where; the same inputs are stored once. Throws LIMIT_EXCEEDED. */
export async function storeInputs(
  { objects, bucket }: Needs,
  scope: ProjectKey,
  inputs: Inputs,
  ignored: readonly string[],
): Promise<OffloadedInputData> {
  const bytes = toBinary(InputsSchema, inputs);
  requireInlineSize(bytes.length, "the run", inputs.literals);
  // The name follows from everything in the message; the hash that caching uses leaves some of it out.
  const name = createHash("sha256").update(bytes).digest("hex");
  const uri = offloadedInputsUri(bucket, scope, name);
  await objects.put(keyOfUri(uri, bucket), bytes);
  return create(OffloadedInputDataSchema, { uri, inputsHash: hashInputs(inputs.literals, ignored) });
}

/** Reads them back. Throws INVALID_ARGUMENT where the object is not there or is no inputs, or LIMIT_EXCEEDED. */
export async function readInputs({ objects, bucket }: Needs, uri: string): Promise<Inputs> {
  const key = objectKeyOf(uri, bucket);
  const info = await objects.head(key);
  requireInlineSize(info?.size ?? 0, "the run");
  return readStoredInputs({ objects, bucket }, uri);
}

/** The same for those whose size was checked. Throws INVALID_ARGUMENT as `readInputs` does. */
export async function readStoredInputs({ objects, bucket }: Needs, uri: string): Promise<Inputs> {
  const bytes = await objects.readAll(objectKeyOf(uri, bucket));
  if (bytes === undefined)
    throw new BoxkiteError("INVALID_ARGUMENT", `there are no inputs at ${uri}`, {
      hint: "start the run again: its inputs are uploaded with it",
    });
  return decodeMessage(InputsSchema, bytes, uri);
}

/** Throws LIMIT_EXCEEDED for an action with more inputs than are passed by value, which its parent has stored itself. */
export function requireInlineInputs(
  { largeObjects, bucket }: Pick<ServiceContext, "largeObjects" | "bucket">,
  { spec, inputUri }: Pick<NewAction, "spec" | "inputUri">,
): void {
  const object = parseObjectUri(inputUri);
  const bytes = object?.bucket === bucket ? largeObjects.sizeOf(object.key) : undefined;
  requireInlineSize(bytes ?? 0, taskSubject(spec?.definition.name));
}

export function emptyInputs(): Inputs {
  return create(InputsSchema, {});
}
