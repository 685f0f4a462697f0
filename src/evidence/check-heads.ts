// The heads of a session that the countersigner signed: both signatures, the order, and that each holds for the events.

import { NoteError, parseCheckpoint, parseNote, type Verifier, verifySignatures } from "../tlog/note.ts";
import { decodeUtf8 } from "./dsse.ts";
import { type Finding, isoSeconds } from "./report.ts";

export interface CountersignedHead {
  readonly size: number;
  readonly root: Uint8Array;
  /** POSIX seconds, by the countersigner's clock. */
  readonly at: number;
}

/** Between notes in `checkpoints.txt`. No note holds a line of three dashes. */
const SEPARATOR = "\n---\n";

/**
 * Reads `checkpoints.txt`. What is wrong goes to the findings, `times` for a time that goes back; a head is given back
 * only if both signatures verify.
 */
export function readHeads(
  bytes: Uint8Array,
  keys: { readonly gateway: Verifier; readonly countersigner: Verifier },
  { heads: finding, times }: { readonly heads: Finding; readonly times: Finding },
): CountersignedHead[] {
  const text = decodeUtf8(bytes);
  if (text === undefined) {
    finding.fail("checkpoints.txt is not UTF-8");
    return [];
  }
  const heads: CountersignedHead[] = [];
  for (const [at, note] of text.split(SEPARATOR).entries()) {
    const head = readHead(note, keys.gateway, keys.countersigner);
    if (typeof head === "string") {
      finding.fail(`checkpoint ${at + 1}: ${head}`);
      continue;
    }
    const last = heads.at(-1);
    if (last !== undefined && head.size <= last.size) {
      finding.fail(`checkpoint ${at + 1}: size ${head.size} comes after size ${last.size}`);
    }
    if (last !== undefined && head.at < last.at) {
      times.fail(`checkpoint ${at + 1} was countersigned ${last.at - head.at} s before the one in front of it`);
    }
    heads.push(head);
  }
  return heads;
}

/**
 * Holds heads against the events: `roots` are the roots of the events at the heads' sizes. A head for more events than
 * there are means that events were cut off; events behind the last head were never countersigned.
 */
export function compareHeads(
  heads: readonly CountersignedHead[],
  { roots, read }: { readonly roots: ReadonlyMap<number, Uint8Array>; readonly read: { readonly size: number } },
  { sealed, finding }: { readonly sealed: boolean; readonly finding: Finding },
): void {
  const { size } = read;
  for (const head of heads) {
    const root = roots.get(head.size);
    if (head.size > size)
      finding.fail(`events were cut off: there are ${size}, a countersigned head says ${head.size}`);
    else if (root === undefined || Buffer.compare(root, head.root) !== 0) {
      finding.fail(`the first ${head.size} events are not those that were countersigned`);
    }
  }
  const covered = heads.at(-1)?.size ?? 0;
  if (covered >= size) return;
  const behind = `events from seq ${covered} on were never countersigned`;
  // The last head of a gateway that died may stand a little behind its events.
  if (sealed) finding.fail(behind);
  else finding.miss(behind);
}

/** The two clocks, of the gateway's machine and of the countersigner, are expected to differ by no more. */
export const CLOCK_SECONDS_MAX = 120;

/**
 * Holds the gateway's clock against the countersigner's. `lastAt`: when the last event of each head happened, by its
 * size. The gateway's clock is nobody's proof, so a difference is worth a warning and no more.
 */
export function compareClocks(
  heads: readonly CountersignedHead[],
  lastAt: ReadonlyMap<number, string>,
  finding: Finding,
): void {
  let worst = 0;
  for (const { size, at } of heads) {
    const own = Date.parse(lastAt.get(size) ?? "") / 1000;
    if (Math.abs(own - at) > Math.abs(worst)) worst = own - at;
  }
  if (Math.abs(worst) > CLOCK_SECONDS_MAX) {
    const way = worst > 0 ? "ahead of" : "behind";
    finding.warn(`the gateway's clock was up to ${Math.round(Math.abs(worst))} s ${way} the countersigner's`);
  }
  const [first] = heads;
  const last = heads.at(-1);
  finding.detail =
    first === undefined || last === undefined ? "none" : `${isoSeconds(first.at)} to ${isoSeconds(last.at)}`;
}

function readHead(text: string, gateway: Verifier, countersigner: Verifier): CountersignedHead | string {
  try {
    const note = parseNote(text);
    const head = parseCheckpoint(note.text);
    if (head.origin !== gateway.name) return `is of ${JSON.stringify(head.origin)}, not of this session`;
    if (head.extensions.length > 0) return "has lines that mean nothing here";
    const signed = verifySignatures(note, [gateway, countersigner]);
    const cosigned = signed.find(({ verifier }) => verifier === countersigner);
    if (!signed.some(({ verifier }) => verifier === gateway)) return "is not signed by the gateway's key";
    if (cosigned === undefined) return "is not countersigned";
    return { size: head.size, root: head.root, at: cosigned.at };
  } catch (error) {
    if (error instanceof NoteError) return error.message;
    throw error;
  }
}
