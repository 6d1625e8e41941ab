/** Which version of HTTP a connection speaks: its first bytes determine it, and may arrive one by one. */
import type { Socket } from "node:net";

/** The start of an HTTP/2 connection without TLS (RFC 9113, section 3.4): nothing in HTTP/1.1 begins so. */
const HTTP2_PREFACE = Buffer.from("PRI");

/**
 * Calls back once it is known, with nothing taken from the socket. Destroys the socket that sends too little in
 * time, or ends.
 */
export function onFirstBytes(socket: Socket, limitMs: number, known: (isHttp2: boolean) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), limitMs);
  socket.once("close", () => clearTimeout(timer));
  const read = () => {
    const bytes = socket.read() as Buffer | null;
    if (bytes === null) {
      // Readable without bytes: its end.
      socket.destroy();
      return;
    }
    seen = Buffer.concat([seen, bytes]);
    const compared = Math.min(seen.length, HTTP2_PREFACE.length);
    const mayBeHttp2 = seen.subarray(0, compared).equals(HTTP2_PREFACE.subarray(0, compared));
    if (mayBeHttp2 && compared < HTTP2_PREFACE.length) return;
    clearTimeout(timer);
    socket.off("readable", read);
    socket.unshift(seen);
    known(mayBeHttp2);
  };
  socket.on("readable", read);
}
