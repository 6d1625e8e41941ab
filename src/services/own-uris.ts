/**
 * The objects that a task's call names: the server reads some of them for whoever may read the action, so they have to be
 * the run's own, or granted to it.
 */
import type { NewAction } from "../domain/action-record.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { RunKey } from "../domain/ids.ts";
import type { RunRecord } from "../domain/run.ts";
import { quoted } from "../domain/text.ts";
import { parseObjectUri } from "../objects/uri.ts";
import type { ServiceContext } from "./context.ts";
import { authoriseReads } from "./object-keys.ts";

type Needs = Pick<ServiceContext, "access" | "store" | "rights" | "bucket">;
/** The run in which the action is made. */
type Run = Pick<RunRecord, "key" | "createdBy" | "authority">;

/** Throws INVALID_ARGUMENT. */
export async function requireOwnUris(context: Needs, run: Run, action: NewAction): Promise<void> {
  await requireReadableInputs(context, run.key, action);
  await requireReadableCode(context, run, action);
  if (action.kind === "trace") await requireOwnOutputs(context, run.key, action);
}

async function requireReadableInputs(
  { rights }: Needs,
  run: RunKey,
  { name, inputUri }: NewAction,
): Promise<void> {
  if (inputUri === "" || (await rights.readable(run, [inputUri])).length > 0) return;
  throw new BoxkiteError(
    "INVALID_ARGUMENT",
    `action ${name} names ${quoted(inputUri)} as its inputs, which its run may not read`,
    { hint: "store the inputs of an action in the run's own folder, as the SDKs do" },
  );
}

/**
 * A child names its code itself: only what its run may read already, or what a deployed task names (a task that is called
 * by reference), where the one who started the run may read that.
 */
async function requireReadableCode(context: Needs, run: Run, { name, grants }: NewAction): Promise<void> {
  const { store, rights } = context;
  const readable = await rights.readable(run.key, grants);
  for (const uri of grants) {
    if (readable.includes(uri)) continue;
    const isNamed = !uri.endsWith("/") && (await store.isNamedByDeployedTask(uri));
    if (isNamed && (await mayStarterRead(context, run, uri))) continue;
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `action ${name} names ${uri}, which its run may not read, and no deployed task that it may use names it`,
      { hint: "pass the object to the task as an input, or deploy the task whose code it is" },
    );
  }
}

async function mayStarterRead(context: Needs, { createdBy, authority }: Run, uri: string): Promise<boolean> {
  try {
    await authoriseReads(context, { ...createdBy, identity: authority }, [uri]);
    return true;
  } catch (error) {
    if (error instanceof BoxkiteError && error.kind === "user") return false;
    throw error;
  }
}

/** A trace has run inside its parent, which has stored the outputs. */
async function requireOwnOutputs(
  { rights, bucket }: Needs,
  run: RunKey,
  { name, state }: NewAction,
): Promise<void> {
  const { outputUri = "" } = state;
  const object = parseObjectUri(outputUri);
  if (outputUri === "") return;
  if (object?.bucket === bucket && (await rights.owns(run, object.key))) return;
  throw new BoxkiteError(
    "INVALID_ARGUMENT",
    `trace ${name} names ${quoted(outputUri)} as its outputs, which is not in its run's own folder`,
    { hint: "store the outputs of a trace in the run's own folder, as the SDKs do" },
  );
}
