/**
 * Calls for which Connect has no answer, because it throws where it encodes one. Its handler for gRPC does so with a text
 * that is not valid Unicode (seen with 2.1, protocol-grpc/trailer-status.js): the client would wait for ever.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { isGone } from "../lib/client-gone.ts";
import { internalError } from "../services/errors.ts";
import { refuse } from "./arrival.ts";
import type { Request, Response } from "./listener.ts";

/** What to say of an error that Connect has thrown. */
export function unansweredBecause(error: unknown): ConnectError {
  if (error instanceof URIError)
    return new ConnectError("the call has a text that is not valid Unicode", Code.InvalidArgument);
  return internalError(error);
}

export function answerCall(request: Request, response: Response, { code, rawMessage }: ConnectError): void {
  if (isGone(response)) return;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const type = request.headers["content-type"] ?? "";
  if (type.startsWith("application/grpc")) {
    // Both kinds of gRPC take an answer that has nothing but a status in its headers.
    response.setHeader("content-type", type);
    response.setHeader("grpc-status", String(code));
    response.setHeader("grpc-message", encodeURIComponent(rawMessage));
    response.end();
  } else refuse(response, code === Code.InvalidArgument ? 400 : 500, codeToString(code), rawMessage);
}
