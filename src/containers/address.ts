/** The address of a container engine, as in DOCKER_HOST and CONTAINER_HOST. */
import { BoxkiteError } from "../domain/errors.ts";
import { hostPort } from "../lib/host-port.ts";

export type EngineAddress =
  | { readonly kind: "unix"; readonly socketPath: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** Throws CONFIG_INVALID for unsupported schemes. `source` names the setting in the message. */
export function parseEngineAddress(text: string, source: string): EngineAddress {
  if (text.startsWith("unix://")) return { kind: "unix", socketPath: text.slice("unix://".length) };
  if (text.startsWith("/")) return { kind: "unix", socketPath: text };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.protocol === "tcp:" || url.protocol === "http:") && url.hostname !== "") {
    const port = /:([0-9]+)\/?$/.exec(text)?.[1] ?? "2375";
    return { kind: "tcp", host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(port) };
  }
  throw new BoxkiteError(
    "CONFIG_INVALID",
    `${source}=${text} cannot be used: it is neither unix:// nor tcp://`,
    {
      hint: text.startsWith("ssh://")
        ? "forward the engine's socket: ssh -nNT -L /tmp/engine.sock:/run/podman/podman.sock HOST, then unix:///tmp/engine.sock"
        : `set ${source} to unix:///path/to/socket or tcp://HOST:PORT`,
    },
  );
}

export function formatEngineAddress(address: EngineAddress): string {
  if (address.kind === "unix") return `unix://${address.socketPath}`;
  return `tcp://${hostPort(address.host, address.port)}`;
}

/** Whether the engine is on this machine, as far as the address shows. */
export function isOnThisMachine(address: EngineAddress): boolean {
  return address.kind === "unix" || ["localhost", "127.0.0.1", "::1"].includes(address.host);
}
