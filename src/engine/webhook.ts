/** Sending webhooks: once a receiver took it, it is done; until then it is tried again by the outbox. */
import type { HttpRequest } from "../domain/notification.ts";

const TIMEOUT_MS = 10_000;

/** Throws unless the receiver answers with a 2xx status. */
export async function sendRequest({ method, url, headers, body }: HttpRequest): Promise<void> {
  const response = await fetch(url, { method, headers, body, signal: AbortSignal.timeout(TIMEOUT_MS) });
  await response.body?.cancel();
  // The path of such a URL is often a secret, which has no place in a log.
  if (!response.ok) throw new Error(`${new URL(url).origin} answered ${response.status}`);
}
