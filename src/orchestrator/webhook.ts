/** Sends webhooks. The outbox retries each until its receiver accepts it. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import type { HttpRequest } from "../domain/notification.ts";
import type { EgressRule } from "../lib/egress.ts";
import { errnoOf } from "../lib/errno.ts";

const TIMEOUT_MS = 10_000;

/**
 * Throws unless the receiver answers with a 2xx status; EGRESS_DENIED where the rule denies its host. A redirect counts
 * as a failure: it often leads to a login page, which answers any request with 200.
 */
export async function sendRequest(request: HttpRequest, egress: EgressRule | undefined): Promise<void> {
  const url = URL.parse(request.url);
  // The path of such a URL is often a secret, which must not be logged.
  const receiver = url?.origin ?? "the receiver";
  let response: IncomingMessage;
  try {
    if (url === null) throw new Error("its URL is none");
    egress?.check(url);
    response = await exchange(url, request, egress);
  } catch (error) {
    if (error instanceof BoxkiteError) throw error;
    throw new Error(`${receiver} did not take it: ${reasonOf(error)}`);
  }
  response.destroy();
  const { statusCode = 0 } = response;
  if (statusCode < 200 || statusCode > 299) throw new Error(`${receiver} answered ${statusCode}`);
}

function exchange(
  url: URL,
  { method, headers, body }: HttpRequest,
  egress: EgressRule | undefined,
): Promise<IncomingMessage> {
  const send = url.protocol === "http:" ? httpRequest : httpsRequest;
  return new Promise((resolve, reject) => {
    const sent = send(url, {
      method,
      headers: { ...headers, "content-length": Buffer.byteLength(body) },
      agent: false,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(egress && { lookup: egress.lookup(url) }),
    });
    sent.once("response", resolve).once("error", reject).end(body);
  });
}

/** Messages about a URL or a header may quote it. */
function reasonOf(error: unknown): string {
  const errno = errnoOf(error) ?? "";
  if (error instanceof Error && error.name === "AbortError") return `no answer within ${TIMEOUT_MS / 1000} s`;
  return errno.startsWith("ERR_") ? errno : messageOf(error) || errno;
}
