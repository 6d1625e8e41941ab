/** The OCI runtime of a container, where it is not the engine's own. */
import type { AttemptExit } from "../../domain/attempt.ts";
import type { EngineApi } from "../../containers/api.ts";
import { EngineResponseError } from "../../containers/http.ts";
import type { PodmanRuntimes } from "../../containers/podman-runtimes.ts";
import { runtimeHint } from "../../containers/failures/start.ts";
import type { CreateResult, EngineInfo, EngineName } from "../../containers/types.ts";

/** The end of an attempt for a runtime that is not in the engine's configuration. */
export function unknownRuntime(
  isolation: string | undefined,
  engine: EngineName,
  { ociRuntimes }: EngineInfo,
): AttemptExit | undefined {
  if (isolation === undefined || ociRuntimes.includes(isolation)) return undefined;
  return {
    reason: "start_failed",
    outOfMemory: false,
    code: "OCI_RUNTIME_UNAVAILABLE",
    message: `the container is to be isolated by the OCI runtime ${isolation}, which is not registered in ${engine}; it has ${ociRuntimes.join(", ") || "none"}`,
    hint: `${runtimeHint({ engine })}; then restart this server`,
  };
}

export interface ContainerMakers {
  readonly api: EngineApi;
  /** Absent where podman, or its program, is on another machine, and with Docker, which has a field for the runtime. */
  readonly podmanRuntimes?: PodmanRuntimes | undefined;
}

/** Throws as the engine's own `createContainer` does. */
export async function createIsolated(
  { api, podmanRuntimes }: ContainerMakers,
  isolation: string | undefined,
  name: string,
  body: unknown,
): Promise<CreateResult> {
  if (isolation === undefined || api.engine === "docker") return api.createContainer(name, body);
  if (podmanRuntimes === undefined)
    throw new EngineResponseError(
      "POST /containers/create",
      400,
      `OCI runtime "${isolation}" not found: podman is on another machine, and only its own program can choose one`,
    );
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
