/**
 * Rules of this machine's firewall: no packet is forwarded into a network of a run, unless it answers one that came out
 * of it, and none out of a network without egress. So containers of other runs, other containers, build steps and other machines cannot reach those of a run.
 *
 * The engines' own rules are not enough. Podman keeps networks apart only where they are made with `isolate`, and its
 * netavark 1.4 removes the common rule of all when one of them ends; Docker's may be switched off (`iptables: false`).
 * An internal network of Docker has a route out, which only those rules close.
 * Ours are for the bridges of all servers on this machine, which their names tell, and come before other rules.
 */
import { BoxkiteError } from "../domain/errors.ts";
import { runCommand, type CommandResult } from "./command.ts";
import { lastLines } from "./program.ts";

/** How the names of bridges begin; the kernel allows 15 characters. */
const BRIDGE_PREFIX = "bxk";
const INTERNAL_PREFIX = `${BRIDGE_PREFIX}i`;

/** `id`: 11 hexadecimal digits at most, so that no other bridge looks internal. */
export function bridgeName(id: string, internal: boolean): string {
  return `${internal ? INTERNAL_PREFIX : BRIDGE_PREFIX}${id}`;
}

export interface ForwardGuard {
  /** Adds the rules where they are missing: another program may have removed all. Throws ENGINE_FAILED. */
  ensure(): Promise<void>;
  remove(): Promise<void>;
}

export type RunProgram = (program: string, args: readonly string[]) => Promise<CommandResult>;

const CHAIN = "inet boxkite forward";
/** One transaction, so the rule is never missing in between. */
const NFT_ENSURE = [
  "add table inet boxkite",
  `add chain ${CHAIN} { type filter hook forward priority mangle; }`,
  `flush chain ${CHAIN}`,
  `add rule ${CHAIN} oifname "${BRIDGE_PREFIX}*" ct state != { established, related } drop`,
  `add rule ${CHAIN} iifname "${INTERNAL_PREFIX}*" drop`,
].join("; ");
const NFT_REMOVE = "add table inet boxkite; delete table inet boxkite";
const IPTABLES_RULES = [
  `FORWARD -o ${BRIDGE_PREFIX}+ -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP`,
  `FORWARD -i ${INTERNAL_PREFIX}+ -j DROP`,
];

export function createForwardGuard(run: RunProgram): ForwardGuard {
  const succeeds = async (program: string, args: string): Promise<boolean> =>
    (await run(program, args.split(" "))).exitCode === 0;
  const iptables = (verb: string, rule: string) => `-w -t mangle ${verb} ${rule}`;
  let ensuring: Promise<void> | undefined;

  const ensure = async (): Promise<void> => {
    const nft = await run("nft", [NFT_ENSURE]);
    if (nft.exitCode === 0) return;
    // Kernels without nf_tables, and machines without nft.
    for (const rule of IPTABLES_RULES) {
      if (await succeeds("iptables", iptables("-C", rule))) continue;
      const { exitCode, stderr } = await run("iptables", iptables("-I", rule).split(" "));
      if (exitCode !== 0) throw notSet(nft.stderr, stderr);
    }
  };

  return {
    ensure: () => {
      // Starts at the same time share one check.
      ensuring ??= ensure().finally(() => (ensuring = undefined));
      return ensuring;
    },
    remove: async () => {
      await run("nft", [NFT_REMOVE]);
      for (const rule of IPTABLES_RULES) await succeeds("iptables", iptables("-D", rule));
    },
  };
}

function notSet(byNft: string, byIptables: string): BoxkiteError {
  return new BoxkiteError(
    "ENGINE_FAILED",
    `containers of different runs cannot be kept apart: nft: ${lastLines(byNft, 1)}; iptables: ${lastLines(byIptables, 1)}`,
    {
      hint: "run the server as root with nftables or iptables installed; or let containers reach each other: containers: {shared-network: true} in the settings file",
    },
  );
}

/** The programs of this machine, which are not on every user's PATH. Without one the result is that it failed. */
export function programsOf(env: NodeJS.ProcessEnv): RunProgram {
  const path = [env["PATH"], "/usr/sbin", "/sbin"].filter(Boolean).join(":");
  return async (program, args) => {
    try {
      return await runCommand(program, args, { env: { ...env, PATH: path } });
    } catch (error) {
      if (!(error instanceof BoxkiteError)) throw error;
      return { exitCode: 127, stdout: "", stderr: error.message };
    }
  };
}
