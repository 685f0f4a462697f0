// Makes ledgers of many sessions, quickly: through the code that seals, but many sessions in one step.

import { type SealedSession, sealSessions } from "../../src/evidence/layout.ts";
import type { Ledger } from "../../src/evidence/ledger.ts";
import { makeUlid } from "../../src/gateway/ulid.ts";
import { makeSession, type Party } from "../evidence/sealed.ts";

/** The time of the first event that `makeSession` makes. */
const FIRST_AT = Date.parse("2026-11-23T05:00:00.100Z");

/** Sessions that are entered in one step. More need more memory, fewer more time. */
const AT_ONCE = 500;

/** Session `at` of as many as one likes, each with an id of its own. */
export function manyth(by: Party, at: number): SealedSession & { readonly sid: string } {
  const random = Buffer.alloc(10);
  random.writeUInt32BE(at, 6);
  return makeSession(by, { sid: makeUlid(FIRST_AT + at, random) });
}

/** Enters sessions `from` to `to` (not included). `progress` is told how many there are. */
export async function fill(
  ledger: Ledger,
  by: Party,
  { from, to, progress }: { readonly from: number; readonly to: number; readonly progress?: (done: number) => void },
): Promise<void> {
  for (let at = from; at < to; at += AT_ONCE) {
    const count = Math.min(AT_ONCE, to - at);
    const sessions = Array.from({ length: count }, (_, each) => manyth(by, at + each));
    await sealSessions(sessions, ledger, by.signer);
    // Heads of sessions that are sealed are of no more use, and would fill memory.
    by.heads.clear();
    progress?.(at + count);
  }
}
