/** What the controller needs to know about the container it is in. */
import type { RuntimeArguments } from "./arguments.ts";
import type { Environment } from "../client/config-file.ts";
import type { Storage } from "../client/storage/storage.ts";

export interface Container {
  readonly arguments: RuntimeArguments;
  readonly env: Environment;
  readonly storage: Storage;
  /** Module paths of children are relative to it: the folder of the bundle, or the working directory. */
  readonly rootDir: string;
}

/** The address of the server as this container sees it. */
export function serverOrigin(env: Environment): string {
  const endpoint = env["_U_EP_OVERRIDE"] ?? "host.docker.internal:8090";
  const host = endpoint.replace(/^dns:\/\/\//, "").replace(/^https?:\/\//, "");
  const insecure =
    /^(true|t|1)$/i.test(env["_U_INSECURE"] ?? "") || host.includes("localhost") || host.includes("docker");
  return `${insecure ? "http" : "https"}://${host}`;
}
