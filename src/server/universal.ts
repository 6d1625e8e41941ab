/**
 * Calls of Node's servers as connect-es knows them. The package connect-node has the same, which costs every call an error that
 * nobody sees (it aborts a signal when the response has closed), an address that is parsed twice, and a copy of each header.
 */
import { Code, ConnectError, type ContextValues } from "@connectrpc/connect";
import { universalResponseToNodeResponse } from "@connectrpc/connect-node";
import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { isGone, onceClosed } from "../lib/client-gone.ts";
import { ORIGIN_HEADER } from "../services/origin.ts";
import type { Request, Response } from "./listener.ts";

/** What handlers read: connect-es of all three protocols, and services of the origin. */
const READ = new RegExp(`^(?:content-|connect-|grpc-|accept-encoding$|${ORIGIN_HEADER}$)`, "u");

export function universalRequest(
  request: Request,
  response: Response,
  body: AsyncIterable<Uint8Array>,
  contextValues: ContextValues,
): UniversalServerRequest {
  const { httpVersion, method = "", url = "/", headers } = request;
  const leaving = new AbortController();
  onceClosed(response, () => {
    if (!response.writableEnded) leaving.abort(new ConnectError("the client went away", Code.Canceled));
  });
  const header = new Headers();
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && READ.test(name)) header.append(name, String(value));
  return {
    httpVersion,
    method,
    // By whatever name the client knows the server: nothing is made of it but the path and the query.
    url: `http://localhost${url}`,
    header,
    body,
    signal: leaving.signal,
    contextValues,
  };
}

/** Sends the answer; at once where it is whole, as that of a call without a stream. */
export async function sendUniversal(answer: UniversalServerResponse, response: Response): Promise<void> {
  const header = new Headers(answer.header);
  if (answer.body === undefined || answer.trailer !== undefined || !header.has("content-length"))
    return await universalResponseToNodeResponse(answer, response);
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  if (isGone(response)) return;
  response.statusCode = answer.status;
  for (const [name, value] of header) response.setHeader(name, value);
  response.end(Buffer.concat(chunks));
}
