import type { Parameters } from "fast-check";

/** How long each target is fuzzed, and that running out of time is success. */
export const BY_THE_CLOCK: Parameters<unknown> = {
  numRuns: Number.MAX_SAFE_INTEGER,
  interruptAfterTimeLimit: Number(process.env["FUZZ_SECONDS"] ?? "10") * 1000,
  markInterruptAsFailure: false,
  endOnFailure: true,
  ...(process.env["FUZZ_SEED"] === undefined ? {} : { seed: Number(process.env["FUZZ_SEED"]) }),
};
