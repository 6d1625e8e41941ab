/**
 * Ports of this machine that only its own programs reach, for its containers: a connection to the first port is passed
 * on to the second one on loopback. Connections from elsewhere are dropped without an answer, as the server's are.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { pipeline } from "node:stream";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Reach } from "../platform/reach.ts";
import { plainAddress } from "./arrival.ts";
import { holderOfPort } from "./port-holder.ts";

/** From the port that containers use to the service's. */
export type SharedPorts = ReadonlyMap<number, number>;

export interface SharePortsOptions {
  readonly ports: SharedPorts;
  /** Which connections come from containers or from this machine. */
  readonly reach: Reach;
  readonly log: Logger;
}

/** Throws PORT_IN_USE or CONFIG_INVALID, naming the port. The result ends it. */
export async function sharePorts({ ports, reach, log }: SharePortsOptions): Promise<() => Promise<void>> {
  await using opened = new AsyncDisposableStack();
  const sockets = new Set<Socket>();
  for (const [port, service] of ports) {
    // Half-open: a client may end its side and still read the answer.
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      if (!reach.accepts(plainAddress(socket.localAddress), plainAddress(socket.remoteAddress))) {
        socket.destroy();
        return;
      }
      const target = connect({ host: "localhost", port: service, allowHalfOpen: true });
      for (const each of [socket, target]) sockets.add(each.once("close", () => sockets.delete(each)));
      const ended = (error: unknown) => {
        if (error) log.debug("a connection to a shared port ended", { port, service, error });
      };
      pipeline(socket, target, ended);
      pipeline(target, socket, ended);
    });
    await listen(server, port, reach.listenAt);
    log.info("a port is shared with containers", { port, service: `localhost:${service}` });
    opened.defer(() => new Promise((resolve) => server.close(() => resolve())));
  }
  opened.defer(() => {
    for (const socket of sockets) socket.destroy();
  });
  const running = opened.move();
  return () => running.disposeAsync();
}

async function listen(server: Server, port: number, address: string): Promise<void> {
  try {
    const listening = Promise.withResolvers<void>();
    server.once("error", listening.reject).listen(port, address, listening.resolve);
    await listening.promise;
  } catch (error) {
    const isInUse = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
    const holder = isInUse ? await holderOfPort(port) : undefined;
    throw new BoxkiteError(
      isInUse ? "PORT_IN_USE" : "CONFIG_INVALID",
      isInUse
        ? `share-ports: port ${port} is in use${holder === undefined ? "" : ` by ${holder}`}`
        : `share-ports: port ${port} cannot be opened: ${messageOf(error)}`,
      { hint: "let containers use another port: share-ports: {OTHER-PORT: PORT}", cause: error },
    );
  }
}
