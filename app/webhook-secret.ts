/** Whoever guesses the webhook secret speaks as GitHub, so a weak one is refused. */

const CHARACTERS_MIN = 32;
const DISTINCT_MIN = 8;

/** What is wrong with a secret, as the end of a sentence; undefined when nothing is. Says nothing of its value. */
export function weaknessOf(secret: string | undefined): string | undefined {
  if (secret === undefined) return "is not set";
  // Probot takes this one when it is given none.
  if (secret === "development") return "is the default of Probot, which everybody knows";
  if (secret.length < CHARACTERS_MIN) return `is shorter than ${CHARACTERS_MIN} characters`;
  return new Set(secret).size < DISTINCT_MIN || repeats(secret) ? "repeats itself, so it can be guessed" : undefined;
}

/** Is the whole one short piece over and over, the last of them cut perhaps. */
function repeats(secret: string): boolean {
  for (let size = 1; size <= secret.length / 2 && size <= 20; size += 1) {
    if (secret.slice(size) === secret.slice(0, -size)) return true;
  }
  return false;
}
