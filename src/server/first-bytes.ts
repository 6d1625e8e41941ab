/** What a connection speaks: its first bytes determine it, and may arrive one by one. */
import type { Socket } from "node:net";

export type Protocol = "http1" | "http2" | "tls";

/** The start of an HTTP/2 connection without TLS (RFC 9113, section 3.4): nothing in HTTP/1.1 begins so. */
const HTTP2_PREFACE = Buffer.from("PRI");
/** The type of the record of a ClientHello (RFC 8446, section 5.1): no character of a method. */
const TLS_HANDSHAKE = 0x16;

/**
 * Calls back once it is known, with nothing taken from the socket. Destroys the socket that sends too little in
 * time, or ends.
 */
export function onFirstBytes(socket: Socket, limitMs: number, known: (protocol: Protocol) => void): void {
  // Only while it says too little: what stays here of a connection is in memory as long as that is open.
  let seen: Buffer | undefined;
  const timer = setTimeout(() => socket.destroy(), limitMs);
  socket.once("close", () => clearTimeout(timer));
  const read = () => {
    const bytes = socket.read() as Buffer | null;
    if (bytes === null) {
      // Readable without bytes: its end.
      socket.destroy();
      return;
    }
    const start = seen === undefined ? bytes : Buffer.concat([seen, bytes]);
    const protocol = protocolOf(start);
    seen = protocol === undefined ? start : undefined;
    if (protocol === undefined) return;
    clearTimeout(timer);
    socket.off("readable", read);
    socket.unshift(start);
    known(protocol);
  };
  socket.on("readable", read);
}

/** Undefined while it may still be one or the other. */
function protocolOf(seen: Buffer): Protocol | undefined {
  if (seen[0] === TLS_HANDSHAKE) return "tls";
  const compared = Math.min(seen.length, HTTP2_PREFACE.length);
  if (!seen.subarray(0, compared).equals(HTTP2_PREFACE.subarray(0, compared))) return "http1";
  return compared < HTTP2_PREFACE.length ? undefined : "http2";
}
