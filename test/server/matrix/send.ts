/** A request as it is, from one of the addresses of this machine, and the beginning of its answer. */
import { request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http";

export interface Sent {
  readonly method: string;
  /** With its query, escaped. */
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders | undefined;
  readonly body?: string | undefined;
  readonly from?: string | undefined;
  /** Whether the answer does not end: its first part is taken. */
  readonly isLive?: boolean | undefined;
}

export interface Received {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export function send(url: string, { method, path, headers, body, from, isLive }: Sent): Promise<Received> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: hostname, port, method, path, headers, localAddress: from });
    outgoing.on("error", reject);
    outgoing.on("response", (response) => {
      let text = "";
      const done = () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
        if (isLive !== true) return;
        done();
        outgoing.destroy();
      });
      response.on("end", done);
      response.on("error", reject);
    });
    outgoing.end(body);
  });
}
