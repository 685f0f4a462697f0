/** The parts that the App is made of. */

import type { MakePart } from "./app.ts";

export const PARTS: readonly MakePart[] = [];
