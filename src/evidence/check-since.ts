// The log now against a checkpoint that an auditor kept: a consistency proof from the tiles, or proof of misbehaviour.
// Whoever holds every key can write a whole log anew, and nothing in it would be false. This is what shows it.

import { nodesFromTiles, tilePathAt } from "../tlog/tiles.ts";
import { consistencyProof, rootHash, verifyConsistency } from "../tlog/tree.ts";
import { type LogRead, openLogCheckpoint } from "./check-log.ts";
import type { EvidenceReader } from "./ledger.ts";
import { LOG_FOLDER } from "./log.ts";
import { Finding, isoSeconds } from "./report.ts";
import type { Trust } from "./trust.ts";

/** Proves that the log, whose checkpoint is `log.checkpoint`, begins with all that the kept checkpoint speaks of. */
export async function checkSince(
  kept: string,
  { reader, log, trust }: { readonly reader: EvidenceReader; readonly log: LogRead; readonly trust: Trust },
): Promise<Finding> {
  const finding = new Finding("since");
  const before = openLogCheckpoint(kept, trust);
  const now = openLogCheckpoint(log.checkpoint, trust);
  if (typeof before === "string") finding.fail(`the checkpoint that you kept ${before}`);
  else if (typeof now === "string") finding.fail(`the log's checkpoint ${now}`);
  else if (before.origin !== now.origin) finding.fail(`the checkpoint that you kept is of the log ${before.origin}`);
  else if (before.size > now.size) {
    finding.fail(`rolled back: the log has ${now.size} entries, and the checkpoint that you kept has ${before.size}`);
    if (before.cosignedAt > 0) finding.fail(`that one was countersigned ${isoSeconds(before.cosignedAt)}`);
  } else if (before.size === now.size) {
    finding.detail = `the same ${now.size} entries`;
    if (Buffer.compare(before.root, now.root) !== 0) {
      finding.fail("two checkpoints of one size: proof of misbehaviour by whoever signed both");
      for (const [name, note] of [["kept", kept] as const, ["now", log.checkpoint] as const]) {
        for (const line of note.trimEnd().split("\n")) finding.fail(`${name}: ${line}`);
      }
    }
  } else {
    finding.detail = `the first ${before.size} of ${now.size} entries are those of the checkpoint that was kept`;
    if (!(await extendsFrom(before, now, reader))) {
      finding.fail(
        `the first ${before.size} entries are not those of the checkpoint that you kept: the log was rewritten`,
      );
    }
  }
  return finding;
}

interface Head {
  readonly size: number;
  readonly root: Uint8Array;
}

/** Does the log with the later head begin with all that the earlier one speaks of, by a proof from its tiles. */
export async function extendsFrom(before: Head, now: Head, reader: EvidenceReader): Promise<boolean> {
  // Every log extends the empty one, whose root is known.
  if (before.size === 0) return Buffer.compare(before.root, rootHash([])) === 0;
  const tile = async (level: number, index: number): Promise<Uint8Array | undefined> =>
    await reader.read(`${LOG_FOLDER}/${tilePathAt(level, index, now.size)}`);
  const proof = await nodesFromTiles(tile, (nodeAt) => consistencyProof(before.size, now.size, nodeAt));
  return (
    proof !== undefined &&
    verifyConsistency({ from: before.size, to: now.size, proof, fromRoot: before.root, toRoot: now.root })
  );
}
