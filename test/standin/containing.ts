// A text that contains another, for `toMatchObject`, without the `any` that vitest's own matcher is.

import { expect } from "vitest";

export function containing(text: string): unknown {
  return expect.stringContaining(text);
}
