/** A call over gRPC whose bytes a client would not send. */
import { once } from "node:events";
import { connect, type IncomingHttpHeaders } from "node:http2";

/** Posts the body, and resolves with the trailers of the answer. */
export async function grpcTrailers(url: string, body: Uint8Array): Promise<IncomingHttpHeaders> {
  const { origin, pathname } = new URL(url);
  const session = connect(origin);
  try {
    const stream = session.request({
      ":method": "POST",
      ":path": pathname,
      "content-type": "application/grpc+proto",
      te: "trailers",
    });
    stream.end(body).resume();
    const [trailers] = (await once(stream, "trailers")) as [IncomingHttpHeaders];
    return trailers;
  } finally {
    session.close();
  }
}
