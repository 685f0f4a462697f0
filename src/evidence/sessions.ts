// Finds sessions in the evidence: by id, or by the beginning of one.

import { decodeUtf8 } from "./dsse.ts";
import type { EvidenceReader } from "./ledger.ts";
import { type Lost, readLost } from "./lost.ts";
import { monthsIn, SESSION_FILES } from "./where.ts";

/** Where the sessions lie whose ids begin so, newest first, no more than `countMax`. */
export async function findSessions(reader: EvidenceReader, prefix: string, countMax: number): Promise<string[]> {
  const found: string[] = [];
  for (const month of (await monthsIn(reader)).toSorted().toReversed()) {
    const inMonth = `sessions/${month.replace("-", "/")}`;
    const days = (await reader.list(inMonth)).filter((name) => /^[0-9]{2}$/.test(name));
    for (const day of days.toSorted().toReversed()) {
      const sids = await reader.list(`${inMonth}/${day}`);
      const matching = sids.filter((sid) => sid.startsWith(prefix)).toSorted();
      found.push(...matching.toReversed().map((sid) => `${inMonth}/${day}/${sid}`));
      if (found.length >= countMax) return found.slice(0, countMax);
    }
  }
  return found;
}

/** What a session's folder holds of people's and machines' words. */
export interface SessionFiles {
  readonly events: Uint8Array;
  readonly disclosures: Uint8Array;
  readonly erasures: ReadonlyMap<string, Uint8Array>;
  /** The text of `session.tlog-proof`; undefined where there is none. */
  readonly proof: string | undefined;
  /** The text of `session.dsse.json`; empty where there is none. */
  readonly dsse: string;
  /** What `lost.dsse.json` says; undefined where there is none that can be read. */
  readonly lost: Lost | undefined;
}

/** Is this the folder of a session that was lost, and of which no events are here. */
export async function isLostSession(reader: EvidenceReader, folder: string): Promise<boolean> {
  const names = await reader.list(folder);
  return names.includes(SESSION_FILES.lost) && !names.includes(SESSION_FILES.events);
}

/** Reads a session's folder, `""` for the reader's own root. Undefined where there are no events. */
export async function readSession(reader: EvidenceReader, folder: string): Promise<SessionFiles | undefined> {
  const at = (name: string): string => (folder === "" ? name : `${folder}/${name}`);
  const events = await reader.read(at(SESSION_FILES.events));
  if (events === undefined) return undefined;
  const erasures = new Map<string, Uint8Array>();
  for (const name of await reader.list(at(SESSION_FILES.erasures))) {
    erasures.set(name, (await reader.read(at(`${SESSION_FILES.erasures}/${name}`))) ?? new Uint8Array());
  }
  const proof = await reader.read(at(SESSION_FILES.proof));
  const dsse = await reader.read(at(SESSION_FILES.dsse));
  const lost = await reader.read(at(SESSION_FILES.lost));
  return {
    events,
    disclosures: (await reader.read(at(SESSION_FILES.disclosures))) ?? new Uint8Array(),
    erasures,
    proof: proof === undefined ? undefined : (decodeUtf8(proof) ?? ""),
    dsse: dsse === undefined ? "" : (decodeUtf8(dsse) ?? ""),
    lost: lost === undefined ? undefined : readLost(decodeUtf8(lost) ?? ""),
  };
}
