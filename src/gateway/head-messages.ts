// What a gateway and its head thread say to each other. Both ends are this program; the checks are for our own mistakes.

import type { HeadAddress } from "./head-address.ts";
import type { Followed } from "./head-follower.ts";

/** What the thread is started with. */
export interface ThreadStart {
  readonly followed: Followed;
  readonly door: HeadAddress;
}

/** What the gateway says. */
export type ThreadOrder =
  | { readonly kind: "countersign"; readonly written: { readonly size: number; readonly bytes: number } }
  | { readonly kind: "close" };

/** What the thread says. */
export type ThreadWord =
  | { readonly kind: "countersigned"; readonly size: number; readonly atSeconds: number }
  | { readonly kind: "failed"; readonly why: string };

export function isThreadStart(value: unknown): value is ThreadStart {
  return isObject(value) && isObject(value["followed"]) && isObject(value["door"]);
}

export function isThreadOrder(value: unknown): value is ThreadOrder {
  return (
    isObject(value) && (value["kind"] === "close" || (value["kind"] === "countersign" && isObject(value["written"])))
  );
}

export function isThreadWord(value: unknown): value is ThreadWord {
  if (!isObject(value)) return false;
  if (value["kind"] === "failed") return typeof value["why"] === "string";
  return (
    value["kind"] === "countersigned" && typeof value["size"] === "number" && typeof value["atSeconds"] === "number"
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
