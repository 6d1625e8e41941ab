/** Sending webhooks: once a receiver took it, it is done; until then it is tried again by the outbox. */
const TIMEOUT_MS = 10_000;

/** Throws unless the receiver answers with a 2xx status. */
export async function postJson(url: string, body: string): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
}
