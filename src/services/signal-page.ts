/** Where a condition is answered without a client: POST {"value": …} to the address that its webhook carries. */
import { create } from "@bufbuild/protobuf";
import { BoxkiteError } from "../domain/errors.ts";
import type { ActionKey } from "../domain/ids.ts";
import type { Principal } from "../domain/principal.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import { conditionOf, decodeSignal } from "../wire/condition.ts";
import { EventPayloadSchema, type EventPayload } from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import type { ServiceContext } from "./context.ts";

const PATH = /^\/v2\/domain\/([^/]+)\/project\/([^/]+)\/runs\/([^/]+)\/conditions\/([^/]+)$/u;

export function signalPath(key: ActionKey): string {
  return `/v2/domain/${key.domain}/project/${key.project}/runs/${key.run}/conditions/${encodeURIComponent(key.action)}`;
}

/** The condition that a path names, if it is such a path. */
export function parseSignalPath(path: string): ActionKey | undefined {
  const [, domain, project, run, action] = PATH.exec(path) ?? [];
  if (!domain || !project || !run || !action) return undefined;
  try {
    return { domain, project, run, action: decodeURIComponent(action) };
  } catch {
    // Not the encoding of any name.
    return undefined;
  }
}

/** Throws INVALID_ARGUMENT or ACTION_NOT_FOUND. */
export async function signalByPost(
  { access, orchestrator }: Pick<ServiceContext, "access" | "orchestrator">,
  by: Principal,
  key: ActionKey,
  body: string,
): Promise<void> {
  const condition = await access.action(by, "change", key);
  await orchestrator.signal(key, decodeSignal(condition, payloadOf(body, condition)), by);
}

function payloadOf(body: string, condition: ActionRecord): EventPayload {
  let value: unknown;
  try {
    ({ value } = JSON.parse(body) as { value?: unknown });
  } catch (error) {
    throw new BoxkiteError("INVALID_ARGUMENT", "the body is not JSON", {
      cause: error,
      hint: 'send {"value": true}',
    });
  }
  switch (typeof value) {
    case "boolean":
      return create(EventPayloadSchema, { value: { case: "boolValue", value } });
    case "string":
      return create(EventPayloadSchema, { value: { case: "stringValue", value } });
    case "number":
      // JSON does not distinguish 1 from 1.0.
      return Number.isInteger(value) && conditionOf(condition).type !== "float"
        ? create(EventPayloadSchema, { value: { case: "intValue", value: BigInt(value) } })
        : create(EventPayloadSchema, { value: { case: "floatValue", value } });
    default:
      throw new BoxkiteError("INVALID_ARGUMENT", "the body has no value", { hint: 'send {"value": true}' });
  }
}
