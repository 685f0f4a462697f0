import type { DeskAddress } from "./desk/head-door.ts";

/** Where heads are countersigned, so that a thread can ask there by itself: the local countersigner, or an App. */
export type HeadAddress = (DeskAddress & { readonly kind: "socket" }) | { readonly kind: "app"; readonly url: string };
