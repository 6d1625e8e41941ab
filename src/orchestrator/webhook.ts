/** Sending webhooks: once a receiver took it, it is done; until then it is tried again by the outbox. */
import type { HttpRequest } from "../domain/notification.ts";

const TIMEOUT_MS = 10_000;

/**
 * Throws unless the receiver answers with a 2xx status. A redirect is none: it often leads to a page where
 * one logs in, and such a page answers everybody.
 */
export async function sendRequest({ method, url, headers, body }: HttpRequest): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  // The path of such a URL is often a secret, which has no place in a log.
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

/** What fetch says itself may hold the whole URL; what is beneath it tells what went wrong. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  return error.cause instanceof Error ? error.cause.message : error.name;
}
