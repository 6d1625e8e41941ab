/** A proxy in front of a server that loses answers: the call is carried out, and its caller does not learn it. */
import { createServer, request as send, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { TestContext } from "node:test";

/**
 * `cut`: the connection ends without an answer. `unavailable`: 503 takes the place of the answer. `instead`: this
 * happens in place of the call, which gets 503.
 */
export type Loss =
  | { readonly kind: "cut" | "unavailable" }
  | { readonly kind: "instead"; readonly what: () => Promise<unknown> };

export interface LossyProxy {
  readonly url: string;
  /** Loses the answer to the next call of this method. */
  loseNext(method: string, loss: Loss): void;
  /** How often the method has been called. */
  calls(method: string): number;
}

export async function startLossyProxy(t: TestContext, target: string): Promise<LossyProxy> {
  const losses = new Map<string, Loss>();
  const calls = new Map<string, number>();
  const server = createServer((request, response) => {
    const method = request.url?.split("/").at(-1) ?? "";
    calls.set(method, (calls.get(method) ?? 0) + 1);
    const loss = losses.get(method);
    losses.delete(method);
    answer(target, request, response, loss).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    loseNext: (method, loss) => losses.set(method, loss),
    calls: (method) => calls.get(method) ?? 0,
  };
}

async function answer(
  target: string,
  request: IncomingMessage,
  response: ServerResponse,
  loss: Loss | undefined,
): Promise<void> {
  const sent = await buffer(request);
  if (loss?.kind === "instead") {
    await loss.what();
    return unavailable(response);
  }
  const forwarded = send(new URL(request.url ?? "/", target), {
    method: request.method,
    headers: request.headers,
  });
  forwarded.end(sent);
  const [received] = (await once(forwarded, "response")) as [IncomingMessage];
  const body = await buffer(received);
  if (loss?.kind === "cut") response.destroy();
  else if (loss?.kind === "unavailable") unavailable(response);
  else response.writeHead(received.statusCode ?? 0, received.headers).end(body);
}

function unavailable(response: ServerResponse): void {
  response.writeHead(503, { "content-type": "text/plain" }).end("lost\n");
}
