import type { ApprovalDesk } from "../approval/ports.ts";
import type { Countersigner } from "../journal/ports.ts";
import type { SessionId } from "../model/session.ts";
import type { HeadAddress } from "./head-address.ts";

/** What a session needs of the party that is not the gateway, be it a process on this machine or the App. */
export interface SessionDesk extends ApprovalDesk, Countersigner {
  /** Where a thread of this process may ask for heads itself; undefined where only this client can. */
  readonly address: HeadAddress | undefined;
  /** Names the session's key before its first head. Rejects where another key holds that session. */
  register(session: { readonly sid: SessionId; readonly origin: string; readonly vkey: string }): Promise<void>;
}
