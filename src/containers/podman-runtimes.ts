/**
 * Podman with another OCI runtime than its own. Neither of its APIs has a field for one that it honours (the
 * Docker-compatible one ignores `Runtime`; libpod's `oci_runtime` is ignored, too: seen with 4.3, issue 28429 of podman), but a service
 * that was started with `--runtime` makes its containers with that, and every service of the same storage then starts
 * them with what they were made with. So containers are made by a service per runtime, and all else is done by the
 * ordinary one.
 */
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { EngineApi } from "./api.ts";
import { RUNTIME_FAILURES } from "./failures/start.ts";
import { EngineResponseError } from "./http.ts";
import { findProgram, startPodmanService, type PodmanService } from "./podman-service.ts";

export interface PodmanRuntimes {
  /** Throws EngineResponseError where podman cannot use the runtime, and ENGINE_UNREACHABLE. */
  serviceOf(runtime: string): Promise<EngineApi>;
  close(): Promise<void>;
}

export interface PodmanRuntimesOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
}

export function createPodmanRuntimes({ env, log }: PodmanRuntimesOptions): PodmanRuntimes {
  const services = new Map<string, Promise<PodmanService>>();

  const start = async (runtime: string): Promise<PodmanService> => {
    const program = await findProgram("podman", env);
    if (program === undefined)
      throw new BoxkiteError("ENGINE_UNREACHABLE", "the program podman is not on PATH", {
        hint: "install podman on the machine of the server: a container with an OCI runtime of its own is made by it",
      });
    try {
      return await startPodmanService({ program, options: ["--runtime", runtime], env, log });
    } catch (error) {
      const text = messageOf(error);
      if (!RUNTIME_FAILURES.some(({ answers }) => answers.text?.test(text))) throw error;
      throw new EngineResponseError(`podman --runtime ${runtime} system service`, 400, text);
    }
  };

  return {
    serviceOf: async (runtime) => {
      const known = services.get(runtime) ?? start(runtime);
      services.set(runtime, known);
      try {
        return (await known).api;
      } catch (error) {
        services.delete(runtime);
        throw error;
      }
    },
    close: async () => {
      const started = await Promise.allSettled(services.values());
      services.clear();
      for (const each of started) if (each.status === "fulfilled") await each.value.close();
    },
  };
}
