import { defineConfig } from "vitest/config";

// Everything but fuzzing, which has its own clock, and compat, bench and soak, which are commands of their own.
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/fuzz/**"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
