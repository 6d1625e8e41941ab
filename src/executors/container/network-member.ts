/** What a network knows of a container that is on it. */
import type { AttemptKey } from "../../domain/attempt.ts";
import type { RunKey } from "../../domain/ids.ts";
import { containerName, keyOfLabels, LABEL, type ContainerKind } from "./container-spec.ts";

export interface NetworkMember {
  /** Of the container. */
  readonly name: string;
  /** Containers of different owners cannot reach each other: a run, or a worker that is of none, or not yet. */
  readonly owner: string;
}

export function attemptMember(instance: string, key: AttemptKey): NetworkMember {
  return { name: containerName(instance, key), owner: runOwner(key) };
}

/** A worker has its network to itself where the key names no run. */
export function workerMember(name: string, key: RunKey): NetworkMember {
  return { name, owner: key.run === "" ? `worker ${name}` : runOwner(key) };
}

export function runOwner({ project, domain, run }: RunKey): string {
  return JSON.stringify([project, domain, run]);
}

/** Undefined for a container that is no attempt's and no worker's. */
export function memberOfLabels(
  instance: string,
  labels: Readonly<Record<string, string>>,
): NetworkMember | undefined {
  const key = keyOfLabels(labels);
  if (key !== undefined) return attemptMember(instance, key);
  const { [LABEL.worker]: name } = labels;
  if (labels[LABEL.kind] !== ("worker" satisfies ContainerKind) || name === undefined) return undefined;
  const { [LABEL.project]: project = "", [LABEL.domain]: domain = "", [LABEL.run]: run = "" } = labels;
  return workerMember(name, { project, domain, run });
}
