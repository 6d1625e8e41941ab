/** Repeats calls after transient failures. */
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { createBackoff } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";

const RETRIES = 3;
const BACKOFF = { baseMs: 500, factor: 2, capMs: 10_000 };

/**
 * The calls that are safe to repeat: the first one may have been carried out although its answer was lost. Others
 * are not repeated.
 */
const REPEATABLE: ReadonlySet<string> = new Set([
  // Only read.
  "GetActionData",
  "GetActionDetails",
  "GetImage",
  "GetRunDetails",
  "GetTaskDetails",
  "ListActions",
  "ListTasks",
  // Return a new URL for the same content, or store the same content again.
  "CreateUploadLocation",
  "UploadInputs",
  // What has ended stays as it is.
  "AbortRun",
  // The client recognises its own run by the name or by a mark (sdk/start/submit-run.ts).
  "CreateRun",
  // A version that is deployed does not change; sdk/start/deployment.ts checks first whether it exists.
  "DeployTask",
  // An answer does not change; sdk/start/signal.ts compares it.
  "SignalEvent",
]);

/** For unary calls. Waits between them; a caller that aborts the call does not wait any longer. */
export function retryInterceptor(clock: Clock): Interceptor {
  return (next) => async (request) => {
    const repeatable = !request.stream && REPEATABLE.has(request.method.name);
    const backoff = createBackoff(BACKOFF, clock);
    for (let retries = 0; ; retries++) {
      try {
        return await next(request);
      } catch (error) {
        if (!repeatable || !isTransient(error) || retries === RETRIES || request.signal.aborted) throw error;
        await backoff.wait(request.signal);
      }
    }
  };
}

/** What the Python SDK repeats, and a connection that was cut before the answer. */
function isTransient(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return code === Code.Unavailable || code === Code.Internal;
}
