/** The variables of an attempt that reaches the server over plain HTTP and reads objects with its run's keys. */
import type { ServerAccess } from "./executor.ts";

/** Each seen in use with flyte 2.12.1. */
export async function plainEnvironment(access: ServerAccess): Promise<Readonly<Record<string, string>>> {
  return {
    _U_EP_OVERRIDE: access.endpoint,
    _U_INSECURE: "true",
    FLYTE_AWS_ENDPOINT: `http://${access.endpoint}`,
    FLYTE_AWS_ACCESS_KEY_ID: access.accessKeyId,
    FLYTE_AWS_SECRET_ACCESS_KEY: access.secretAccessKey,
  };
}
