/**
 * The inputs of actions in a few words, for the rows of lists. They are read for the rows that are shown, never for all
 * actions of a run, and kept for a while: inputs never change.
 */
import { fromBinary } from "@bufbuild/protobuf";
import type { ActionRecord } from "../domain/action-record.ts";
import type { StoreReader } from "../store/reader.ts";
import { InputsSchema } from "../wire/gen/flyteidl2/task/common_pb.js";
import type { Call } from "./call.ts";
import { readLiterals, type ValuesContext } from "./action-values.ts";
import { createVarying, inputsText, type ShortInput } from "./assets/inputs.js";
import { shortened, shortValue } from "./short-value.ts";

/** Actions whose inputs are kept in memory. */
const KEPT = 5_000;
/** Of larger inputs nothing is shown. */
const MAX_BYTES = 256 * 1024;
const MAX_INPUTS = 12;

export interface ShortInputs {
  /** Empty where there are none, or where they cannot be read. */
  of(action: ActionRecord): Promise<readonly ShortInput[]>;
}

export function createShortInputs(context: ValuesContext): ShortInputs {
  const known = new Map<string, readonly ShortInput[]>();
  return {
    of: async ({ kind, inputUri }) => {
      if (kind === "condition" || inputUri === "") return [];
      const kept = known.get(inputUri);
      if (kept !== undefined) return kept;
      const values = await readLiterals(
        context,
        inputUri,
        (bytes) => fromBinary(InputsSchema, bytes).literals,
        MAX_BYTES,
      );
      if (values.kind !== "read") return [];
      const inputs = values.literals
        .slice(0, MAX_INPUTS)
        .map(({ name, value }): ShortInput => [shortened(name), value ? shortValue(value) : "none"]);
      const [oldest] = known.keys();
      if (oldest !== undefined && known.size >= KEPT) known.delete(oldest);
      known.set(inputUri, inputs);
      return inputs;
    },
  };
}

/** Calls beside an action that are read to find by which of its inputs they differ. */
const MAX_BESIDE = 5;

/** Of one action: the inputs by which it differs from its first siblings of the same name come first. */
export async function callOf(
  { store, inputs }: { readonly store: Pick<StoreReader, "children">; readonly inputs: ShortInputs },
  action: ActionRecord,
): Promise<Call> {
  const { runId, parent } = action;
  const beside = parent === undefined ? [] : await store.children(runId, parent, 0, MAX_BESIDE);
  const others = beside.filter((other) => nameOf(other) === nameOf(action) && other.id !== action.id);
  const [call] = await callsOf(inputs, [action, ...others]);
  return call ?? { action, text: nameOf(action) };
}

/** Of actions that are shown together: the inputs by which those of one name differ come first. */
export async function callsOf(inputs: ShortInputs, actions: readonly ActionRecord[]): Promise<Call[]> {
  const varying = createVarying();
  const all = await Promise.all(
    actions.map(async (action) => {
      const own = await inputs.of(action);
      varying.add(nameOf(action), own);
      return { action, own };
    }),
  );
  return all.map(({ action, own }) => ({
    action,
    text: nameOf(action) + inputsText(own, varying.of(nameOf(action))),
  }));
}

function nameOf({ displayName, key }: ActionRecord): string {
  return displayName || key.action;
}
