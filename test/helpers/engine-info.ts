/** What an engine that lacks nothing says of itself. */
import type { EngineInfo } from "../../src/containers/types.ts";

export const ENGINE_INFO: EngineInfo = {
  architecture: "amd64",
  os: "linux",
  cpus: 4,
  memoryBytes: 64 * 2 ** 30,
  rootless: false,
  cgroupVersion: "2",
  limits: { cpu: true, memory: true, pids: true },
  storageDriver: "overlay",
  swapLimit: true,
  ociRuntimes: ["runc", "runsc"],
  operatingSystem: "",
};
