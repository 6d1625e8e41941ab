/** The variables of an attempt that reaches the server over plain HTTP and reads objects with its keys. */
import type { ServerAccess } from "./executor.ts";

/**
 * Each seen in use with flyte 2.12.1. Over plain HTTP its client sends no credentials, but it keeps the path of the
 * endpoint (flyte 2.2 to 2.12).
 */
export async function plainEnvironment(access: ServerAccess): Promise<Readonly<Record<string, string>>> {
  return {
    _U_EP_OVERRIDE: `${access.endpoint}${tokenPath(access.token)}`,
    _U_INSECURE: "true",
    FLYTE_AWS_ENDPOINT: `http://${access.endpoint}`,
    FLYTE_AWS_ACCESS_KEY_ID: access.accessKeyId,
    FLYTE_AWS_SECRET_ACCESS_KEY: access.secretAccessKey,
  };
}

const TOKEN_PATH = "/t/";

/** What stands between the host and the path of a call. */
export function tokenPath(token: string): string {
  return `${TOKEN_PATH}${token}`;
}

/** The token in a path, and the path behind it; undefined for a path without one. */
export function splitTokenPath(path: string): { readonly token: string; readonly rest: string } | undefined {
  if (!path.startsWith(TOKEN_PATH)) return undefined;
  const end = path.indexOf("/", TOKEN_PATH.length);
  if (end === -1) return undefined;
  return { token: path.slice(TOKEN_PATH.length, end), rest: path.slice(end) };
}
