/** The configuration of a client: the YAML file that the Python SDK, the TypeScript SDK and the `flyte` command read. */
import { stringify } from "yaml";
import { hostPort } from "../../lib/host-port.ts";
import { tokenPath } from "../../executors/plain-environment.ts";
import type { Connection } from "./connection.ts";

export interface ClientChoices {
  readonly project: string;
  readonly domain: string;
  /** Where images are built: see docs/images.md. */
  readonly builder: string;
}

/** As `flyte create config` writes it, from flyte 2.12.1. `secret`: where the server asks for the local login secret. */
export function clientConfig(
  { host, port, tls }: Connection,
  secret: string | undefined,
  { project, domain, builder }: ClientChoices,
): string {
  const path = secret === undefined ? "" : tokenPath(secret);
  return stringify({
    admin: {
      endpoint: `dns:///${hostPort(host, port)}${path}`,
      insecure: tls === undefined,
      ...(tls?.authority !== undefined && { caCertFilePath: tls.authority }),
    },
    image: { builder },
    task: { domain, project },
  });
}
