/**
 * The MAC addresses of an engine's bridges, which are this machine's on the networks of containers.
 *
 * The kernel gives a bridge the lowest address of its ports, so it changes when a container comes or goes. The others, which
 * have learned the earlier one, send to nobody until they ask again: 29 to 46 s (measured with netavark 1.4 and Linux 6.18).
 * An address that was set stays. Docker sets it, and so do CNI and netavark from 1.9 on (containers/netavark#833).
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../lib/errno.ts";
import { createKeyLocks } from "../lib/key-locks.ts";
import type { Logger } from "../lib/log.ts";
import type { RunProgram } from "./forward-guard.ts";
import { lastLines } from "./program.ts";

export interface BridgeAddresses {
  /**
   * The bridge keeps the address that it has: to be called when a container was connected to it and before its program
   * runs, which may learn it. Without a name, that of the engine's own network. Where that cannot be done, the log says so
   * once.
   */
  keep(bridge?: string): Promise<void>;
}

export interface BridgeAddressesOptions {
  readonly run: RunProgram;
  readonly log: Logger;
  /** Of the network on which containers are that have none of their run. */
  readonly defaultBridge: string;
  /** Where the kernel describes its interfaces. @default /sys/class/net */
  readonly interfaces?: string;
}

/** NET_ADDR_SET in the kernel's Documentation/ABI/testing/sysfs-class-net. */
const WAS_SET = "3";
/** The kernel says EINVAL of an interface that is just being removed. */
const IS_GONE: ReadonlySet<string | undefined> = new Set(["ENOENT", "EINVAL", "ENODEV"]);

export function createBridgeAddresses(options: BridgeAddressesOptions): BridgeAddresses {
  const { run, log, defaultBridge, interfaces = "/sys/class/net" } = options;
  // Of two containers that start together, the second must not set what the bridge had before the first.
  const lock = createKeyLocks();
  let hasFailed = false;

  const read = async (bridge: string, file: string): Promise<string | undefined> => {
    try {
      return (await readFile(join(interfaces, bridge, file), "utf8")).trim();
    } catch (error) {
      if (IS_GONE.has(errnoOf(error))) return undefined;
      throw error;
    }
  };
  /** Undefined where nothing is left to do: it was set, or the bridge is gone with its last container. */
  const unset = async (bridge: string) =>
    (await read(bridge, "addr_assign_type")) === WAS_SET ? undefined : await read(bridge, "address");

  const keep = async (bridge: string): Promise<void> => {
    const address = await unset(bridge);
    if (address === undefined) return;
    const { exitCode, stderr } = await run("ip", ["link", "set", "dev", bridge, "address", address]);
    if (exitCode === 0 || hasFailed || (await unset(bridge)) === undefined) return;
    hasFailed = true;
    log.warn("when a container ends, others of its run may not reach this server for up to a minute", {
      bridge,
      error: lastLines(stderr, 1),
      hint: "install iproute2 (the program ip), or netavark 1.9 or newer",
    });
  };

  return { keep: (bridge = defaultBridge) => lock(bridge, () => keep(bridge)) };
}
