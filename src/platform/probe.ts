/** Checks from inside a container whether this server is reachable, before a user's first run. */
import { messageOf } from "../domain/errors.ts";
import type { HostCandidate } from "./network.ts";
import { CannotStart, makeEmptyImage, type ProbeOptions, runTrials, type Trial } from "./probe-container.ts";
import { explainUnreachable, startsNothing } from "./probe-failures.ts";

export type ProbeResult =
  | { readonly kind: "reachable"; readonly candidate: HostCandidate }
  /** The check could not be made; the first candidate is assumed. */
  | { readonly kind: "not_probed"; readonly why: string };

/** Throws ENGINE_FAILED, with the likely cause, if no container can be started, or none reaches this machine. */
export async function probeFromContainer(options: ProbeOptions): Promise<ProbeResult> {
  const { api, network } = options;
  if (network.inVirtualMachine) {
    return {
      kind: "not_probed",
      why: "the engine runs in a virtual machine, into which this machine's programs cannot be mounted",
    };
  }
  if (process.platform !== "linux")
    return { kind: "not_probed", why: `no Linux programs are here to try it with (${process.platform})` };
  let trials: readonly Trial[];
  try {
    await makeEmptyImage(api);
    trials = await runTrials(options);
  } catch (error) {
    if (error instanceof CannotStart) throw startsNothing(api, error.message);
    options.log.debug("probe could not run", { error });
    return { kind: "not_probed", why: messageOf(error) };
  }
  for (const candidate of network.candidates) {
    if (trials.some(({ host, status }) => host === candidate.host && status === 200))
      return { kind: "reachable", candidate };
  }
  throw await explainUnreachable(options, trials);
}
