/** The connection of this process to its server, opened at the first use. */
import type { ControlPlane } from "../../client/control-plane.ts";
import { requireTarget, type InitializedConfig } from "../authoring/config.ts";

const opened = new WeakMap<InitializedConfig, Promise<ControlPlane>>();

export function controlPlaneOf(config: InitializedConfig): Promise<ControlPlane> {
  let controlPlane = opened.get(config);
  if (controlPlane === undefined) {
    controlPlane = open(config);
    opened.set(config, controlPlane);
  }
  return controlPlane;
}

async function open(config: InitializedConfig): Promise<ControlPlane> {
  const [{ createTransport, trustOf }, { createControlPlane }, { baseUrlOf }] = await Promise.all([
    import("../../client/transport.ts"),
    import("../../client/control-plane.ts"),
    import("../../client/endpoint.ts"),
  ]);
  const baseUrl = baseUrlOf(requireTarget(config).endpoint, config.insecure);
  const { origin } = new URL(baseUrl);
  const trust = origin.startsWith("https:") ? trustOf(config) : {};
  return createControlPlane(origin, createTransport({ ...config, baseUrl }), trust);
}
