/** A hint that something may have happened; one that comes while nobody waits is not lost. */
export type HintKind = "look" | "ended";

export class Hint {
  #pending: HintKind | undefined;
  #resolve: (() => void) | undefined;

  /** `ended`: it did end, only the engine may not know yet. `look`: nothing is known, looking will tell. */
  give(kind: HintKind): void {
    if (this.#pending !== "ended") this.#pending = kind;
    this.#resolve?.();
  }

  /** Waits for the next one, at most `timeoutMs`. */
  async next(timeoutMs?: number): Promise<HintKind> {
    if (this.#pending === undefined) await this.#wait(timeoutMs);
    const kind = this.#pending ?? "look";
    this.#pending = undefined;
    return kind;
  }

  #wait(timeoutMs: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
      this.#resolve = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
