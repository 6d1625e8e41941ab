/** How what an attempt asks for beyond image and resources is asked of an engine. */
import type { EngineInfo, EngineName } from "../../containers/types.ts";
import type { AttemptDemands, AttemptOptions } from "../attempt-options.ts";
import type { AttemptSpec } from "../executor.ts";
import { capabilityFields } from "./capabilities.ts";
import { memoryLimitOfMachine, type Confinement } from "./confinement.ts";

type Mounts = NonNullable<AttemptOptions["readOnlyMounts"]>;

/** Fields beside `HostConfig`, and those in it. `writable`: directories of this machine. */
export function optionFields(
  spec: AttemptOptions,
  confinement: Confinement,
  writable: Mounts = [],
): { readonly body: object; readonly host: object } {
  const { readOnlyMounts = [], tmpfs = [] } = spec;
  const scratch = [...(spec.scratch ?? []).map(({ target }) => target), ...writableOf(confinement)];
  const binds = [...bindsOf(readOnlyMounts, true), ...bindsOf(writable, false)];
  return {
    body: {
      ...(scratch.length > 0 && { Volumes: Object.fromEntries(scratch.map((target) => [target, {}])) }),
    },
    host: {
      ...(binds.length > 0 && { Mounts: binds }),
      ...(tmpfs.length > 0 && {
        Tmpfs: Object.fromEntries(
          tmpfs.map(({ target, sizeBytes }) => [target, `rw,mode=1777,size=${sizeBytes}`]),
        ),
      }),
      ...(spec.network !== undefined && { NetworkMode: spec.network }),
    },
  };
}

function bindsOf(mounts: Mounts, isReadOnly: boolean): readonly object[] {
  return mounts.map(({ source, target }) => ({
    Type: "bind",
    Source: source,
    Target: target,
    ReadOnly: isReadOnly,
  }));
}

/** Volumes that go with the container, owned as the image's directories of that name. */
function writableOf({ readOnlyRoot, writable }: Confinement): readonly string[] {
  return readOnlyRoot ? [...new Set(["/tmp", ...writable])] : [];
}

/** Of `HostConfig`. Podman's Docker-compatible API ignores `Runtime`: see podman-runtimes.ts. */
export function confinementFields(confinement: Confinement, engine: EngineName, info: EngineInfo): object {
  const { isolation } = confinement;
  return {
    ...capabilityFields(confinement, engine),
    ...(confinement.noNewPrivileges && { SecurityOpt: ["no-new-privileges"] }),
    ...(confinement.readOnlyRoot && { ReadonlyRootfs: true }),
    ...(info.limits.pids && { PidsLimit: confinement.maxProcesses }),
    ...(isolation !== undefined && { Runtime: isolation }),
  };
}

/**
 * Bytes that the container may use; undefined where the engine cannot enforce a limit, or there is none. An engine
 * that does not report the machine's memory says 0.
 */
export function memoryLimitOf(
  { limits }: Pick<AttemptSpec, "limits">,
  { memoryLimit }: Confinement,
  info: EngineInfo,
): number | undefined {
  if (!info.limits.memory) return undefined;
  if (limits.memoryBytes !== undefined) return limits.memoryBytes;
  return memoryLimit && info.memoryBytes > 0 ? Math.floor(memoryLimitOfMachine(info.memoryBytes)) : undefined;
}

export function gpusOf({ limits, requests }: Pick<AttemptDemands, "limits" | "requests">): number {
  return limits.gpu ?? requests.gpu ?? 0;
}
