/** Calls an RPC as one of the callers, up to its first message, and says how it ended. */
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { HINT_HEADER } from "../../../src/wire/error-headers.ts";
import type { Answer } from "./check.ts";

/** Who may not do what: the right and what it is about. */
const DENIED = /^(?:token [\w-]+|a task of run \S+) may not (?:read|create|change) .+; hint: ./u;

export async function callRpc(transport: Transport, method: DescMethod, request: object): Promise<Answer> {
  const client = createClient(method.parent as DescService, transport) as Record<
    string,
    (request: object, options: object) => unknown
  >;
  const stop = new AbortController();
  try {
    const answer = client[method.localName]?.(request, { signal: stop.signal });
    const messages: unknown[] = [];
    if (method.methodKind !== "server_streaming") messages.push(await answer);
    else
      for await (const message of answer as AsyncIterable<unknown>) {
        messages.push(message);
        break;
      }
    return { outcome: "allowed", text: textOf(messages) };
  } catch (error) {
    return refusal(ConnectError.from(error));
  } finally {
    stop.abort();
  }
}

function refusal({ code, rawMessage, metadata }: ConnectError): Answer {
  if (code !== Code.PermissionDenied && code !== Code.Unauthenticated)
    return { outcome: "allowed", text: rawMessage, failure: Code[code] };
  const hasHint = metadata.get(HINT_HEADER) !== null;
  const saysWhy = code === Code.Unauthenticated || DENIED.test(rawMessage);
  return {
    outcome: code === Code.Unauthenticated ? "unauthenticated" : "denied",
    text: hasHint && saysWhy ? rawMessage : `without a hint, or without the right: ${rawMessage}`,
    ...((!hasHint || !saysWhy) && { failure: "bad refusal" }),
  };
}

function textOf(messages: readonly unknown[]): string {
  return JSON.stringify(messages, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}
