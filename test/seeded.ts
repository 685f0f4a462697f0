// Chance that can be had again: numbers in [0, 1) from a seed, by mulberry32.

export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `SEED` of the environment, or one by chance, to be named where something fails. */
export function seedOf(env: Readonly<Record<string, string | undefined>>): number {
  const given = Number(env["SEED"] ?? Number.NaN);
  return Number.isSafeInteger(given) ? given : Math.floor(Math.random() * 2 ** 32);
}
