/** Calls an RPC as one of the callers, up to its first message, and says how it ended. */
import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { HINT_HEADER } from "../../../src/wire/error-headers.ts";
import { callMethod } from "../../helpers/call-method.ts";
import type { Answer } from "./check.ts";

/** Who may not do what: the right and what it is about. */
const DENIED = /^(?:token [\w-]+|a task of run \S+) may not (?:read|create|change) .+; hint: ./u;

export async function callRpc(transport: Transport, method: DescMethod, request: object): Promise<Answer> {
  try {
    return { outcome: "allowed", text: textOf(await callMethod(transport, method, request)) };
  } catch (error) {
    return refusal(ConnectError.from(error));
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
