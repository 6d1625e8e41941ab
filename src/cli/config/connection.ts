/** How clients on this machine reach a server: `boxkite up` notes it in its data directory for `boxkite config create`. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Login } from "../../domain/auth-mode.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { explainDirectory } from "../../server/create-directory.ts";
import { selfSignedFiles } from "../../server/tls/self-signed.ts";
import type { AccessSettings } from "../access-settings.ts";
import { tlsDirectory } from "../tls.ts";

export interface Connection {
  readonly host: string;
  readonly port: number;
  /** Undefined: plain HTTP, which the server takes from its own machine in any case. */
  readonly tls?: { readonly authority?: string };
  readonly login: Login;
}

export function connectionOf(
  { tls, serverNames: [name] }: Pick<AccessSettings, "tls" | "serverNames">,
  server: { readonly port: number; readonly login: Login },
  dataDirectory: string,
): Connection {
  const { port, login } = server;
  if (tls?.kind === "self-signed") {
    const { authority } = selfSignedFiles(tlsDirectory(dataDirectory));
    return { host: "localhost", port, login, tls: { authority } };
  }
  // A certificate of the operator is for no name that is certain, but the one of the settings.
  if (tls?.kind === "files" && name !== undefined) return { host: name, port, login, tls: {} };
  return { host: "localhost", port, login };
}

const FILE = "connection.json";

export async function noteConnection(dataDirectory: string, connection: Connection): Promise<void> {
  const file = join(dataDirectory, FILE);
  const text = `${JSON.stringify(connection)}\n`;
  // A server that starts as it did before needs no space on the disk for it.
  if ((await readFile(file, "utf8").catch(() => "")) === text) return;
  await writeFile(file, text).catch((error: unknown) => {
    throw explainDirectory(error, dataDirectory);
  });
}

/** Throws CONFIG_INVALID where no server has started on the data directory. */
export async function readConnection(dataDirectory: string): Promise<Connection> {
  try {
    return JSON.parse(await readFile(join(dataDirectory, FILE), "utf8")) as Connection;
  } catch (error) {
    throw new BoxkiteError("CONFIG_INVALID", `no server has started on the data directory ${dataDirectory}`, {
      hint: "start it first: boxkite up; or name the data directory that it shows: --data DIR",
      cause: error,
    });
  }
}
