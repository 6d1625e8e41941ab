/** What a container of this engine cannot be given: refused before it is made, and by the task's name when that is sent. */
import type { EngineInfo, EngineName } from "../../containers/types.ts";
import {
  isAsked,
  refuseOption,
  refuseOptions,
  type AttemptDemands,
  type AttemptOption,
  type AttemptOptions,
  type Refusal,
} from "../attempt-options.ts";
import { confine, unknownTemplate, type Confinement, type ConfinementPolicy } from "./confinement.ts";
import { gpusOf } from "./container-options.ts";
import type { Inherited } from "./inherited.ts";
import { putsIntoReadOnlyRoot } from "./put-archives.ts";
import { unchoosableRuntime, unknownRuntime } from "./oci-runtime.ts";

const HONOURED: readonly AttemptOption[] = [
  "readOnlyMounts",
  "archives",
  "scratch",
  "tmpfs",
  "readOnlyRoot",
  "noNewPrivileges",
  "droppedCapabilities",
  "ociRuntime",
  "podTemplate",
  "network",
  "egress",
  "secretVariables",
  "secretFiles",
  "reuse",
];

export interface RefusalContext {
  readonly engine: EngineName;
  readonly info: EngineInfo;
  readonly inherited: Inherited;
  readonly policy: ConfinementPolicy;
  /** Whether containers can have another OCI runtime than the engine's own. */
  readonly choosesRuntime: boolean;
  /** Whether containers can be on a network without a route out. */
  readonly closesNetworks: boolean;
}

/** Of an attempt, or of a task before it has one. */
export function refusal(asked: AttemptDemands, context: RefusalContext): Refusal | undefined {
  const { engine, info, policy } = context;
  const confinement = confine(asked, policy);
  const { isolation } = confinement;
  return (
    refuseGpus(asked, engine) ??
    unknownTemplate(asked, policy) ??
    unknownRuntime(isolation, engine, info) ??
    (context.choosesRuntime ? undefined : unchoosableRuntime(isolation)) ??
    refuseCombination(asked, confinement, context) ??
    refuseOptions(asked, HONOURED, engine)
  );
}

/**
 * Podman's Docker-compatible API accepts a request for GPUs and starts the container without them (seen with 4.3,
 * reported for 4.9).
 */
function refuseGpus(asked: AttemptDemands, engine: EngineName): Refusal | undefined {
  const gpus = gpusOf(asked);
  if (engine !== "podman" || gpus === 0) return undefined;
  return {
    reason: "start_failed",
    outOfMemory: false,
    code: "GPU_NOT_SUPPORTED",
    message: `the task asks for ${gpus} GPU, which podman does not pass to containers through its API`,
    hint: "use Docker with the NVIDIA container toolkit: boxkite up --engine docker; or remove gpu from the task's resources",
  };
}

function refuseCombination(
  { secretFiles, archives, network }: AttemptOptions,
  { readOnlyRoot, egress }: Confinement,
  { engine, inherited, closesNetworks }: RefusalContext,
): Refusal | undefined {
  // Files are put into the root after it became read-only.
  if (readOnlyRoot && isAsked(secretFiles))
    return refuseOption("secretFiles", `${engine} beside readOnlyRoot`);
  if (readOnlyRoot && isAsked(archives) && !putsIntoReadOnlyRoot(engine))
    return refuseOption("archives", `${engine} beside readOnlyRoot`);
  if (readOnlyRoot && inherited.certificates !== undefined)
    return refuseOption("readOnlyRoot", `${engine} beside this machine's certificates`);
  if (egress === "none" && network === undefined && !closesNetworks)
    return refuseOption("egress", `${engine} as it is run here`);
  return undefined;
}
