/** The registry clients of a server: who is trusted may have it contact any registry, others those of the egress rule. */
import type { EgressRule } from "../../lib/egress.ts";
import { createRegistryClient, type RegistryClient, type RegistryClientOptions } from "./registry-client.ts";

/** `isTrusted`: see lib/egress.ts. */
export type RegistryClients = (isTrusted: boolean) => RegistryClient;

/** Connections, tokens and failures of one are not used by the other. */
export function createRegistryClients(
  options: Omit<RegistryClientOptions, "egress">,
  egress: EgressRule,
): RegistryClients {
  const trusted = createRegistryClient(options);
  const others = createRegistryClient({ ...options, egress });
  return (isTrusted) => (isTrusted ? trusted : others);
}
