/** Sends webhooks. The outbox retries each until its receiver accepts it. */
import type { HttpRequest } from "../domain/notification.ts";

const TIMEOUT_MS = 10_000;

/**
 * Throws unless the receiver answers with a 2xx status. A redirect counts as a failure: it often leads to a login
 * page, which answers any request with 200.
 */
export async function sendRequest({ method, url, headers, body }: HttpRequest): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  // The path of such a URL is often a secret, which must not be logged.
  const receiver = URL.parse(url)?.origin ?? "the receiver";
  let response: Response;
  try {
    response = await fetch(url, { method, headers, body, redirect: "manual", signal });
  } catch (error) {
    throw new Error(`${receiver} did not take it: ${causeOf(error)}`);
  }
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${receiver} answered ${response.status}`);
}

/** The message of fetch's own error may contain the whole URL; its cause says what went wrong. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  return error.cause instanceof Error ? error.cause.message : error.name;
}
