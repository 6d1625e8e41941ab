/** How far a log is, noted once a second at most: a program that prints all the time would fill the journal with it. */
import type { Clock, Timer } from "../../lib/clock.ts";
import type { Offsets } from "../output/output-follower.ts";

const INTERVAL_MS = 1_000;

export class SparseNotes {
  readonly #note: (offsets: Offsets) => void;
  readonly #clock: Clock;
  /** The last that were not noted yet. */
  #waiting: Offsets | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  /** `note`: may throw. What could not be noted is copied again after a restart. */
  constructor(note: (offsets: Offsets) => void, clock: Clock) {
    this.#note = note;
    this.#clock = clock;
  }

  /** At once where none was noted for a second, and after `close`. */
  note(offsets: Offsets): void {
    this.#waiting = offsets;
    if (this.#timer === undefined) this.#flush();
  }

  /** Notes what waits. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#flush();
  }

  #flush(): void {
    const offsets = this.#waiting;
    if (offsets === undefined) return;
    this.#waiting = undefined;
    if (!this.#isClosed)
      this.#timer = this.#clock.timer(INTERVAL_MS, () => {
        this.#timer = undefined;
        this.#flush();
      });
    try {
      this.#note(offsets);
    } catch {
      // The disk is full: lines come twice after a restart.
    }
  }
}
