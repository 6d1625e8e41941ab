/** Failures that are remembered for some time, so that what has just failed is not asked again by every run. */
import type { Clock } from "../../lib/clock.ts";

/** Above it the oldest are forgotten. */
const KEPT = 1_000;

export class RememberedFailures {
  readonly #clock: Clock;
  readonly #failures = new Map<string, { readonly error: unknown; readonly untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws the failure that is remembered under this key. */
  throwIfFailed(key: string): void {
    const known = this.#failures.get(key);
    if (known === undefined) return;
    if (this.#clock.now() < known.untilMs) throw known.error;
    this.#failures.delete(key);
  }

  remember(key: string, error: unknown, forMs: number): void {
    this.#failures.delete(key);
    this.#failures.set(key, { error, untilMs: this.#clock.now() + forMs });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > KEPT && oldest !== undefined) this.#failures.delete(oldest);
  }
}
