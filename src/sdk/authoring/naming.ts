/**
 * Names of the actions that calls become: the Python SDK's, byte for byte, and the same in local mode and
 * in containers. docs/typescript/action-names.md says what they are made of.
 */
import { codeVersionOf } from "./code-version.ts";
import { encodeInterface } from "./interface.ts";
import type { TraceDefinition } from "./trace.ts";
import type { NamingScope } from "./call-counter.ts";
import {
  childActionName,
  hashData,
  hashInputs,
  hashInterface,
  hashTaskIdentity,
} from "../../wire/literals/hash.ts";
import type { TypedInterface } from "../../wire/gen/flyteidl2/core/interface_pb.js";
import type { Inputs } from "../../wire/gen/flyteidl2/task/common_pb.js";

/** Two calls are the same if these are equal: what is called, and with which inputs. */
export interface CallIdentity {
  readonly identity: string;
  readonly inputsHash: string;
}

export interface TaskCall extends CallIdentity {
  readonly interfaceHash: string;
}

export interface CalledTask {
  readonly name: string;
  readonly interface: TypedInterface | undefined;
  readonly cacheVersion: string;
  readonly ignoredInputs: readonly string[];
}

/** Of messages, which nobody changes: the same for each call of a task. */
const interfaceHashes = new WeakMap<TypedInterface, string>();

function interfaceHashOf(message: TypedInterface): string {
  let hash = interfaceHashes.get(message);
  if (hash === undefined) interfaceHashes.set(message, (hash = hashInterface(message)));
  return hash;
}

export function identifyTaskCall(task: CalledTask, { literals }: Inputs): TaskCall {
  const interfaceHash = task.interface === undefined ? "" : interfaceHashOf(task.interface);
  return {
    identity: hashTaskIdentity(task.name, interfaceHash, task.cacheVersion),
    inputsHash: hashInputs(literals, task.ignoredInputs),
    interfaceHash,
  };
}

export function identifyTraceCall(
  { name, interface: compiled, source }: Pick<TraceDefinition, "name" | "interface" | "source">,
  { literals }: Inputs,
): CallIdentity {
  const version = hashData(`${hashInterface(encodeInterface(compiled))}-${codeVersionOf(source)}`);
  return { identity: `${name}-${version}`, inputsHash: hashInputs(literals) };
}

/** A condition has neither inputs nor code: only its name identifies it. */
export function identifyCondition(name: string): CallIdentity {
  return { identity: name, inputsHash: name };
}

/** The name of the action of the next such call. Calls of different groups are counted separately. */
export function nextActionName(
  { scope, group }: { readonly scope: NamingScope; readonly group: string | undefined },
  { identity, inputsHash }: CallIdentity,
): string {
  const key = `${identity}:${inputsHash}${group ? `:${group}` : ""}`;
  return childActionName({
    parent: scope.name,
    inputsHash,
    identity,
    sequence: scope.calls.next(key),
    group,
  });
}
