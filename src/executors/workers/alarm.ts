/** Rings once, at the earliest of the times that were asked for since it rang last. */
import type { Clock, Timer } from "../../lib/clock.ts";

export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #set: { readonly atMs: number; readonly timer: Timer } | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  in(ms: number): void {
    const atMs = this.#clock.now() + ms;
    if (this.#set !== undefined && this.#set.atMs <= atMs) return;
    this.cancel();
    const timer = this.#clock.timer(ms, () => {
      this.#set = undefined;
      this.#ring();
    });
    this.#set = { atMs, timer };
  }

  cancel(): void {
    this.#set?.timer.cancel();
    this.#set = undefined;
  }
}
