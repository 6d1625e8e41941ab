/** What was opened ends with the right to it: clients that watch connect again, and are refused. */
import type { Identity } from "../domain/principal.ts";
import { onceClosed } from "../lib/client-gone.ts";
import type { Reproductions } from "../orchestrator/reproductions.ts";
import type { AttemptEnds } from "./attempt-ends.ts";
import type { Authenticated } from "./authenticate.ts";
import type { Response } from "./listener.ts";
import type { People } from "./people.ts";

export interface Ends {
  /** Calls back when the identity ends or may do less. Returns a function that stops that. */
  onEnd(identity: Identity, end: () => void): Promise<() => void>;
  /** Destroys the response when the caller's token or attempt ends. */
  endWithCaller(caller: Authenticated, response: Response): void;
}

export function createEnds(
  attempts: AttemptEnds,
  people: Pick<People, "signalOf"> | undefined,
  reproductions: Pick<Reproductions, "onEnd">,
): Ends {
  return {
    onEnd: async (identity, end) => {
      if (identity.kind === "attempt") return attempts.onEnd(identity.key, end);
      if (identity.kind === "reproduction") return reproductions.onEnd(identity.id, end);
      const signal = identity.kind === "token" ? await people?.signalOf(identity.id) : undefined;
      return signal === undefined ? () => {} : onAbort(signal, end);
    },
    endWithCaller: ({ by: { identity }, signal }, response) => {
      const end = () => void response.destroy();
      if (signal !== undefined) onceClosed(response, onAbort(signal, end));
      else if (identity.kind === "attempt") onceClosed(response, attempts.onEnd(identity.key, end));
      else if (identity.kind === "reproduction") onceClosed(response, reproductions.onEnd(identity.id, end));
    },
  };
}

function onAbort(signal: AbortSignal, end: () => void): () => void {
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
  return () => signal.removeEventListener("abort", end);
}
