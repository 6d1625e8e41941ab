/** The OCI runtime of a container, where it is not the engine's own. */
import type { EngineApi } from "../../containers/api.ts";
import { EngineResponseError } from "../../containers/http.ts";
import type { PodmanRuntimes } from "../../containers/podman-runtimes.ts";
import { runtimeHint } from "../../containers/failures/start.ts";
import type { CreateResult, EngineInfo, EngineName } from "../../containers/types.ts";
import type { Refusal } from "../attempt-options.ts";

/** The end of an attempt for a runtime that is not in the engine's configuration. */
export function unknownRuntime(
  isolation: string | undefined,
  engine: EngineName,
  { ociRuntimes }: EngineInfo,
): Refusal | undefined {
  if (isolation === undefined || ociRuntimes.includes(isolation)) return undefined;
  return {
    reason: "start_failed",
    outOfMemory: false,
    code: "OCI_RUNTIME_UNAVAILABLE",
    message: `the container is to be isolated by the OCI runtime ${isolation}, which is not registered in ${engine}; it has ${ociRuntimes.join(", ") || "none"}`,
    hint: `${runtimeHint({ engine })}; then restart this server`,
  };
}

/** Where podman is on another machine: only its own program can choose one. */
export function unchoosableRuntime(isolation: string | undefined): Refusal | undefined {
  if (isolation === undefined) return undefined;
  return {
    reason: "start_failed",
    outOfMemory: false,
    code: "OCI_RUNTIME_UNAVAILABLE",
    message: `the container is to be isolated by the OCI runtime ${isolation}, and podman, whose program alone can choose one, is on another machine`,
    hint: "run the server on the machine of podman, or use Docker: boxkite up --engine docker",
  };
}

export interface ContainerMakers {
  readonly api: EngineApi;
  /** Absent with Docker, which has a field for the runtime, and where podman is on another machine: `unchoosableRuntime`. */
  readonly podmanRuntimes?: PodmanRuntimes | undefined;
}

/** Throws as the engine's own `createContainer` does. */
export async function createIsolated(
  { api, podmanRuntimes }: ContainerMakers,
  isolation: string | undefined,
  name: string,
  body: unknown,
): Promise<CreateResult> {
  if (isolation === undefined || podmanRuntimes === undefined) return api.createContainer(name, body);
  const service = await podmanRuntimes.serviceOf(isolation);
  const created = await service.createContainer(name, body);
  if (created.kind !== "created" || (await api.inspectContainer(created.id)) !== undefined) return created;
  await service.removeContainer(created.id);
  throw new EngineResponseError(
    "POST /containers/create",
    400,
    `OCI runtime "${isolation}" not found: the program podman has another storage than the engine of this server`,
  );
}
