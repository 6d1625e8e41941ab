/** How what an attempt asks for beyond image and resources is asked of an engine. */
import type { AttemptExit } from "../../domain/attempt.ts";
import type { EngineName } from "../../containers/types.ts";
import { isAsked, refuseOption, refuseOptions, type AttemptOption } from "../attempt-options.ts";
import type { AttemptSpec } from "../executor.ts";
import type { Inherited } from "./inherited.ts";

const HONOURED: readonly AttemptOption[] = [
  "readOnlyMounts",
  "scratch",
  "tmpfs",
  "readOnlyRoot",
  "noNewPrivileges",
  "droppedCapabilities",
  "network",
  "secretVariables",
  "secretFiles",
];

/** Podman's Docker-compatible API accepts another runtime and uses its own (seen with 4.3). */
const HONOURED_BY: Readonly<Record<EngineName, readonly AttemptOption[]>> = {
  podman: HONOURED,
  docker: [...HONOURED, "ociRuntime"],
};

export function optionRefusal(
  spec: AttemptSpec,
  engine: EngineName,
  { certificates }: Inherited,
): AttemptExit | undefined {
  // Files are put into the root after it became read-only.
  if (spec.readOnlyRoot === true) {
    if (isAsked(spec.secretFiles)) return refuseOption("secretFiles", `${engine} beside readOnlyRoot`);
    if (certificates !== undefined)
      return refuseOption("readOnlyRoot", `${engine} beside this machine's certificates`);
  }
  return refuseOptions(spec, HONOURED_BY[engine], engine);
}

/** Fields beside `HostConfig`, and those in it. `network`: where the attempt names none. */
export function optionFields(spec: AttemptSpec): { readonly body: object; readonly host: object } {
  const { readOnlyMounts = [], scratch = [], tmpfs = [], droppedCapabilities = [], ociRuntime } = spec;
  const binds = readOnlyMounts.map(({ source, target }) => ({
    Type: "bind",
    Source: source,
    Target: target,
    ReadOnly: true,
  }));
  return {
    body: {
      ...(scratch.length > 0 && { Volumes: Object.fromEntries(scratch.map(({ target }) => [target, {}])) }),
    },
    host: {
      ...(binds.length > 0 && { Mounts: binds }),
      ...(tmpfs.length > 0 && {
        Tmpfs: Object.fromEntries(
          tmpfs.map(({ target, sizeBytes }) => [target, `rw,mode=1777,size=${sizeBytes}`]),
        ),
      }),
      ...(spec.readOnlyRoot === true && { ReadonlyRootfs: true }),
      ...(spec.noNewPrivileges === true && { SecurityOpt: ["no-new-privileges"] }),
      ...(droppedCapabilities.length > 0 && { CapDrop: droppedCapabilities }),
      ...(ociRuntime !== undefined && { Runtime: ociRuntime }),
      ...(spec.network !== undefined && { NetworkMode: spec.network }),
    },
  };
}
