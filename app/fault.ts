/** Why the App does not start: which variable, what is wrong with it, and what to do. Never a secret's value. */

export interface Fault {
  readonly variable: string;
  /** What is wrong, as the end of a sentence that begins with the variable. */
  readonly what: string;
  /** What to do, as a sentence. */
  readonly todo: string;
}

/** All faults as a person reads them in a terminal. */
export function tellFaults(faults: readonly Fault[]): string {
  const told = faults.map(({ variable, what, todo }) => `  ${variable} ${what}.\n    ${todo}`);
  return `countersign app: it does not start:\n\n${told.join("\n")}\n\ndocs/operate.md describes every variable.`;
}

/** What a failure says of itself, on one line, for a fault. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, " ").slice(0, 300);
}
