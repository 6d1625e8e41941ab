/** TLS between a connection and HTTP: the client chooses the version of HTTP in the handshake (ALPN). */
import type { Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { ConnectionLimits } from "../connection-limits.ts";
import type { Certificates } from "./certificates.ts";

/** Takes connections whose first bytes are read; `pass` gets each once its handshake is over. */
export function createTlsLayer(
  certificates: Certificates,
  limits: ConnectionLimits,
  pass: (socket: Socket, isHttp2: boolean) => void,
): (socket: Socket) => void {
  // It never listens itself.
  const server = createServer({ ALPNProtocols: ["h2", "http/1.1"], handshakeTimeout: limits.headersMs });
  certificates.follow(({ certificate, key }) =>
    // Connections that exist go on with the certificate that they have.
    server.setSecureContext({ cert: certificate, key, minVersion: "TLSv1.2" }),
  );
  server.on("secureConnection", (socket: TLSSocket) => {
    socket.on("error", () => socket.destroy());
    pass(socket, socket.alpnProtocol === "h2");
  });
  // Such as a client that does not know the authority. The connection is closed already, or is closed now.
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return (socket) => server.emit("connection", socket);
}
