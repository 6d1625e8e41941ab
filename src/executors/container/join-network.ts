/** Puts an attempt's container on a network of its run, with or without a route out. */
import { confine } from "./confinement.ts";
import type { CreateContext } from "./create-container.ts";
import type { RunNetwork } from "./run-networks.ts";

export interface NetworkSettings {
  /** All containers are on the engine's own network, where they reach each other. @default false */
  readonly shared?: boolean;
}

/** Undefined: it is on a network that the engine chooses or the attempt names. */
export async function joinNetwork(
  context: Pick<CreateContext, "networks" | "spec" | "settings" | "member">,
): Promise<RunNetwork | undefined> {
  const { networks, spec, member } = context;
  if (spec.network !== undefined) return undefined;
  return await networks?.join(member, hasNoEgress(context));
}

/** Of a container that is attached to, which puts it on its network, and is not started yet. */
export async function keepGateway(
  context: Pick<CreateContext, "networks" | "bridgeAddresses" | "member">,
): Promise<void> {
  const { networks, bridgeAddresses, member } = context;
  await bridgeAddresses?.keep(networks?.of(member.name)?.bridge);
}

/** Undefined where the container has a route out. */
export function egressNote(context: Pick<CreateContext, "spec" | "settings">): string | undefined {
  return hasNoEgress(context)
    ? "egress is none: the container reaches the server on this machine, and no other machine"
    : undefined;
}

function hasNoEgress({ spec, settings }: Pick<CreateContext, "spec" | "settings">): boolean {
  return confine(spec, settings.policy).egress === "none";
}
