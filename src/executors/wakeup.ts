/** A wake-up says that something may have happened; one that comes while nobody waits is not lost. */
import type { Clock } from "../lib/clock.ts";

export type WakeupReason = "check" | "ended";

export class Wakeup {
  readonly #clock: Clock;
  #pending: WakeupReason | undefined;
  #resolve: (() => void) | undefined;
  #isGathering = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `ended`: it has ended, though the engine may not report so yet. `check`: it may have, so its state is to be read. */
  notify(kind: WakeupReason): void {
    if (this.#pending !== "ended") this.#pending = kind;
    if (kind === "ended" || !this.#isGathering) this.#resolve?.();
  }

  /** Waits for the next one, at most `timeoutMs`. Rejects with the signal's reason, and takes none, when that aborts. */
  async next(signal: AbortSignal, timeoutMs?: number): Promise<WakeupReason> {
    signal.throwIfAborted();
    if (this.#pending === undefined) await this.#wait(signal, timeoutMs);
    signal.throwIfAborted();
    const kind = this.#pending ?? "check";
    this.#pending = undefined;
    return kind;
  }

  /** Lets checks that follow each other closely become one: waits this long, or until it has ended. Takes no wake-up. */
  async gather(signal: AbortSignal, ms: number): Promise<void> {
    signal.throwIfAborted();
    if (this.#pending === "ended") return;
    this.#isGathering = true;
    await this.#wait(signal, ms);
    this.#isGathering = false;
    signal.throwIfAborted();
  }

  #wait(signal: AbortSignal, timeoutMs: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        timer?.cancel();
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = timeoutMs === undefined ? undefined : this.#clock.timer(timeoutMs, wake);
      signal.addEventListener("abort", wake, { once: true });
      this.#resolve = wake;
    });
  }
}
