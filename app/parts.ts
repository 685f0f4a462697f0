/** The parts that the App is made of. */

import type { MakePart } from "./app.ts";

/** In this order: their routes are looked through, their `begin` is called and webhooks reach them. */
export const PARTS: readonly MakePart[] = [];
