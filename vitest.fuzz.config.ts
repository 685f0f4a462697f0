import { defineConfig } from "vitest/config";

// Fuzzing by the clock: FUZZ_SECONDS for each target (10 here, 15 in CI, 3600 at night). A find becomes a row of the corpus.
export default defineConfig({
  test: { include: ["test/fuzz/**/*.fuzz.test.ts"], testTimeout: 24 * 3600 * 1000, maxWorkers: 2 },
});
