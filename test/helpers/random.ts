/** Random numbers that come again with the same seed. */
export interface Random {
  pick<T>(from: readonly T[]): T;
  chance(probability: number): boolean;
  /** A whole number from 0, less than `bound`. */
  below(bound: number): number;
}

/** The generator is mulberry32 (Tommy Ettinger, public domain). */
export function randomOf(seed: number): Random {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    pick: (from) => from[Math.floor(next() * from.length)] as (typeof from)[number],
    chance: (probability) => next() < probability,
    below: (bound) => Math.floor(next() * bound),
  };
}
