/** How the capabilities of a container are asked of an engine. */
import type { EngineName } from "../../containers/types.ts";
import { CAPABILITIES, capabilitiesOf, type Confinement } from "./confinement.ts";

/** Of capabilities(7), those that an engine or its configuration may give by default beside CAPABILITIES. */
const OTHERS = [
  "AUDIT_CONTROL",
  "AUDIT_READ",
  "AUDIT_WRITE",
  "BLOCK_SUSPEND",
  "DAC_READ_SEARCH",
  "IPC_LOCK",
  "IPC_OWNER",
  "LEASE",
  "LINUX_IMMUTABLE",
  "MAC_ADMIN",
  "MAC_OVERRIDE",
  "MKNOD",
  "NET_ADMIN",
  "NET_BROADCAST",
  "NET_RAW",
  "SETFCAP",
  "SETPCAP",
  "SYSLOG",
  "SYS_ADMIN",
  "SYS_BOOT",
  "SYS_CHROOT",
  "SYS_MODULE",
  "SYS_NICE",
  "SYS_PACCT",
  "SYS_PTRACE",
  "SYS_RAWIO",
  "SYS_RESOURCE",
  "SYS_TIME",
  "SYS_TTY_CONFIG",
  "WAKE_ALARM",
];

/**
 * Podman gives what is added to processes of every user, as ambient capabilities (seen with 4.3), so an image's USER could
 * write where only root may. There what is not wanted is dropped by its name, and only what a setting adds is added.
 */
export function capabilityFields(confinement: Confinement, engine: EngineName): object {
  const given = capabilitiesOf(confinement);
  if (engine === "docker" || given.length === 0) return { CapDrop: ["ALL"], CapAdd: given };
  return {
    CapDrop: [...CAPABILITIES, ...OTHERS].filter((name) => !given.includes(name)),
    CapAdd: given.filter((name) => !(CAPABILITIES as readonly string[]).includes(name)),
  };
}
