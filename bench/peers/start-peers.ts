/** Starts the products of others that are installed; says why one is left out. */
import { messageOf } from "../../src/domain/errors.ts";
import type { BenchContext } from "../helpers/measure.ts";
import type { Peer, PeerProgram } from "./peer.ts";
import { PEERS } from "./peers.ts";

export interface StartedPeer {
  readonly peer: Peer;
  readonly program: PeerProgram;
}

/** None without `--peers`; `names`: only these. */
export async function startPeers(
  context: BenchContext,
  names?: readonly string[],
): Promise<readonly StartedPeer[]> {
  const started: StartedPeer[] = [];
  for (const peer of context.peers ? PEERS : []) {
    if (names !== undefined && !names.includes(peer.name)) continue;
    const reason = peer.missing();
    if (reason !== undefined) {
      context.say(`${peer.name} is left out: ${reason}`);
      continue;
    }
    try {
      started.push({ peer, program: await peer.start(context) });
    } catch (error) {
      context.say(`${peer.name} is left out: ${messageOf(error)}`);
    }
  }
  return started;
}
