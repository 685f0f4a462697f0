// Three-valued truth (Kleene's strong logic) for facts that may be uncertain. `maybe` is what keeps uncertainty on
// the strict side: a hold or deny acts on it, an allow does not, and `not` leaves it as it is.

export type Truth = "yes" | "maybe" | "no";

export function not(truth: Truth): Truth {
  if (truth === "maybe") return "maybe";
  return truth === "yes" ? "no" : "yes";
}

/** `yes` only when every one is; `no` as soon as one is. `yes` for none. */
export function every(truths: Iterable<Truth>): Truth {
  let sum: Truth = "yes";
  for (const truth of truths) {
    if (truth === "no") return "no";
    if (truth === "maybe") sum = "maybe";
  }
  return sum;
}

/** `yes` as soon as one is; `no` only when every one is. `no` for none. */
export function some(truths: Iterable<Truth>): Truth {
  let sum: Truth = "no";
  for (const truth of truths) {
    if (truth === "yes") return "yes";
    if (truth === "maybe") sum = "maybe";
  }
  return sum;
}

/** A list of things that a command does, against what a rule names: all of them, some, or none. */
export function share(truths: readonly Truth[]): Truth {
  // Nothing known is anything possible.
  if (truths.length === 0) return "maybe";
  if (truths.every((truth) => truth === "yes")) return "yes";
  return truths.every((truth) => truth === "no") ? "no" : "maybe";
}
