// Takes values out of a session as an eraser would, and as one would who gets something wrong.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeDsse, signDsse } from "../../src/evidence/dsse.ts";
import { encodeErasureEntry } from "../../src/evidence/entry.ts";
import { canonical } from "../../src/journal/jcs.ts";
import { leafHash, rootHash } from "../../src/tlog/tree.ts";
import { addEntry, countersigner } from "../evidence/forge.ts";
import type { Party } from "../evidence/sealed.ts";

/** What is otherwise than it should be. */
export interface Slip {
  /** Changes what the erasure says of itself. */
  readonly says?: (facts: Facts) => Facts;
  /** Who signs it. */
  readonly by?: Party;
  /** Leaves the value where it was. */
  readonly keeps?: boolean;
  /** Enters it in the log so often. */
  readonly entries?: number;
  /** The number of the file. */
  readonly number?: string;
}

/** What an erasure says of itself. */
export interface Facts {
  readonly at: string;
  readonly by: string;
  readonly digests: readonly string[];
  readonly ptrs: readonly string[];
  readonly reason: string;
  readonly sid: string;
}

/** Erases the values of these lines of `disclosures.jsonl` as the session's n-th erasure. */
export async function eraseLines(
  folder: string,
  session: string,
  which: readonly number[],
  slip: Slip = {},
): Promise<void> {
  const at = (name: string): string => join(folder, session, name);
  const lines = readFileSync(at("disclosures.jsonl"), "utf8").split("\n").slice(0, -1);
  const taken = which
    .map((line) => valueOf(lines[line] ?? ""))
    .toSorted((left, right) => (left.digest < right.digest ? -1 : 1));
  const sid = session.split("/").at(-1) ?? "";
  const facts = {
    at: "2026-12-29T09:00:00.000Z",
    by: "ines",
    digests: taken.map(({ digest }) => digest),
    ptrs: taken.map(({ ptr }) => ptr),
    reason: "A customer asked for it.",
    sid,
  };
  const events = readFileSync(at("events.jsonl"), "utf8").split("\n").slice(0, -1);
  const root = rootHash(events.map((line) => leafHash(line))).toString("hex");
  const statement = canonical({
    _type: "https://in-toto.io/Statement/v1",
    predicate: slip.says?.(facts) ?? facts,
    predicateType: "https://countersign.dev/attestation/erasure/v0.1",
    subject: [{ digest: { "rfc6962-sha256": root }, name: "session-root" }],
  });
  const file = encodeDsse(statement, [signDsse(statement, (slip.by ?? countersigner()).dsse)]);
  mkdirSync(at("erasures"), { recursive: true });
  writeFileSync(at(`erasures/${slip.number ?? "1"}.dsse.json`), file);
  if (slip.keeps !== true) {
    writeFileSync(
      at("disclosures.jsonl"),
      lines.flatMap((line, index) => (which.includes(index) ? [] : [`${line}\n`])).join(""),
    );
  }
  const dsse = createHash("sha256").update(file).digest("base64url");
  for (let count = slip.entries ?? 1; count > 0; count -= 1) await addEntry(folder, encodeErasureEntry({ sid, dsse }));
}

function valueOf(line: string): { readonly digest: string; readonly ptr: string } {
  const value: unknown = JSON.parse(line);
  if (typeof value !== "object" || value === null || !("digest" in value) || !("ptr" in value)) throw new Error(line);
  return { digest: String(value.digest), ptr: String(value.ptr) };
}
