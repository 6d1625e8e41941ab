/**
 * The live connection: JSON lines of one response. Whenever it breaks (a restart of the server, a
 * laptop that slept) it is opened again, at an address that says what was seen already.
 */
const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 5_000;
/** The server sends something at least every ten seconds. */
const SILENCE_MS = 25_000;

/** `address()` is called before each try. `on.state` gets "live", "lost", "gone", "signed-out" or "ended". Returns a function that stops. */
export function openStream(address, on) {
  const stop = new AbortController();
  connect(address, on, stop.signal).catch((error) => {
    if (!stop.signal.aborted) throw error;
  });
  return () => stop.abort();
}

async function connect(address, on, stopped) {
  let waitMs = FIRST_WAIT_MS;
  while (!stopped.aborted) {
    const attempt = new AbortController();
    const signal = AbortSignal.any([stopped, attempt.signal]);
    try {
      const response = await fetch(address(), { signal });
      if (response.status === 401) return on.state("signed-out");
      if (response.status === 404) return on.state("gone");
      if (!response.ok) throw new Error(`status ${response.status}`);
      for await (const message of messages(response.body, () => attempt.abort())) {
        if (stopped.aborted) return undefined;
        if (message.type === "hello") on.state("live");
        if (message.type === "end") return on.state("ended");
        on.message(message);
        waitMs = FIRST_WAIT_MS;
      }
    } catch {
      // Whatever the cause, it is tried again.
    }
    if (stopped.aborted) return undefined;
    on.state("lost");
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  }
  return undefined;
}

async function* messages(body, onSilence) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const timer = setTimeout(() => onSilence(), SILENCE_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line !== "") yield JSON.parse(line);
  }
}
