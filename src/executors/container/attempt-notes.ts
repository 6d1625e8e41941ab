/** What an attempt's container may do beyond or below the defaults, and what it gets of this machine: said once. */
import { confinementNote } from "./confinement.ts";
import { readAdditions, type CreateContext } from "./create-container.ts";
import { egressNote } from "./join-network.ts";

export class AttemptNotes {
  #areReported = false;

  /**
   * Also for a container that was made before the server ended: what was reported then may not have been recorded. An attempt
   * that a worker could not start has them already when it starts cold.
   */
  async report(context: CreateContext, signal: AbortSignal): Promise<void> {
    if (this.#areReported) return;
    const { settings, spec, retry, observer, sink, clock } = context;
    const additions = await retry.run(() => readAdditions(context), signal, "throw");
    signal.throwIfAborted();
    this.#areReported = true;
    for (const note of [confinementNote(spec, settings.policy), egressNote(context), additions?.note]) {
      if (note === undefined) continue;
      observer.progress(note);
      sink.write("system", note, clock.now());
    }
  }
}
