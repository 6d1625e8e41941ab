/** Calls any method of the protocol by its descriptor. */
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";

/** The answer, of a stream its first message if it has one. Throws what the client throws. */
export async function callMethod(
  transport: Transport,
  method: DescMethod,
  request: object,
): Promise<readonly unknown[]> {
  const client = createClient(method.parent as DescService, transport) as Record<
    string,
    (request: object, options: object) => unknown
  >;
  const stop = new AbortController();
  try {
    const answer = client[method.localName]?.(request, { signal: stop.signal });
    if (method.methodKind !== "server_streaming") return [await answer];
    for await (const message of answer as AsyncIterable<unknown>) return [message];
    return [];
  } finally {
    stop.abort();
  }
}
