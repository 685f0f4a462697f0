// Makes ledgers of many sessions, quickly: through the code that seals, but many sessions in one step.

import { type SealedSession, sealSessions } from "../../src/evidence/layout.ts";
import type { Ledger } from "../../src/evidence/ledger.ts";
import { makeUlid } from "../../src/gateway/ulid.ts";
import { makeSession, type Party } from "../evidence/sealed.ts";

/** All sessions are of one month, the worst that its page and table can meet, and spread over its days. */
const MONTH_AT = Date.parse("2026-11-01T00:00:00.000Z");
const DAYS = 30;
const DAY_MS = 86_400_000;

/** Sessions that are entered in one step. More need more memory, fewer more time. */
const AT_ONCE = 500;

/** Session `at` of `count`, each with an id of its own. */
export function manyth(by: Party, at: number, count: number): SealedSession & { readonly sid: string } {
  const random = Buffer.alloc(10);
  random.writeUInt32BE(at, 6);
  const startedAt = MONTH_AT + Math.floor((at * DAYS * DAY_MS) / count);
  return makeSession(by, { sid: makeUlid(startedAt, random), startedAt: new Date(startedAt).toISOString() });
}

/** Enters so many sessions. `progress` is told how many there are. */
export async function fill(
  ledger: Ledger,
  by: Party,
  count: number,
  progress: (done: number) => void = () => undefined,
): Promise<void> {
  for (let at = 0; at < count; at += AT_ONCE) {
    const some = Math.min(AT_ONCE, count - at);
    const sessions = Array.from({ length: some }, (_, each) => manyth(by, at + each, count));
    await sealSessions(sessions, ledger, by.signer);
    // Heads of sessions that are sealed are of no more use, and would fill memory.
    by.heads.clear();
    progress(at + some);
  }
}
