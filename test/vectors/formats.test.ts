import { generateKeyPairSync, hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { preAuthenticated } from "../../src/evidence/dsse.ts";
import {
  cosigner,
  NoteError,
  parseCheckpoint,
  parseNote,
  parseVkey,
  verifierFor,
  verifySignatures,
} from "../../src/tlog/note.ts";
import { encodeProof, parseProof } from "../../src/tlog/proof.ts";
import { entriesPath, levelWidth, tilePath } from "../../src/tlog/tiles.ts";
import { leafHash, nodeHash, rootHash } from "../../src/tlog/tree.ts";
import { Witness } from "../../src/tlog/witness.ts";

// Constants of the specifications and their tests: C2SP (https://c2sp.org), Go's sumdb/note, RFC 6962, DSSE, and the
// exchange of torchwood's litewitness test (https://github.com/FiloSottile/torchwood).

interface Formats {
  readonly rfc6962: {
    readonly empty: string;
    readonly emptyLeaf: string;
    readonly leaf: { readonly in: string; readonly hash: string };
    readonly node: { readonly l: string; readonly r: string; readonly hash: string };
  };
  readonly signedNote: {
    readonly c2spExample: { readonly vkey: string; readonly note: string };
    readonly goSumdb: { readonly vkey: string; readonly skey: string; readonly badVkeys: readonly string[] };
    readonly formatsEd25519: { readonly skey: string; readonly vkey: string };
  };
  readonly checkpoint: { readonly goSumdbFormatTree: { readonly text: string }; readonly bad: readonly string[] };
  readonly tlogProof: {
    readonly marshal: readonly {
      readonly name: string;
      readonly index: number;
      readonly hashesOf: readonly string[];
      readonly checkpoint: string;
      readonly extra?: string;
      readonly want: string;
    }[];
    readonly unmarshalErrors: readonly string[];
  };
  readonly tiles: {
    readonly size70000: Readonly<Record<string, { readonly full: number; readonly partialWidth: number }>>;
    readonly path: Readonly<Record<string, string>>;
  };
  readonly witness: {
    readonly logVkey: string;
    readonly cases: readonly { readonly body: string; readonly status: number; readonly assert: string }[];
  };
  readonly dsse: { readonly paeType: string; readonly body: string; readonly pae: string };
}

const formats = JSON.parse(readFileSync("test/vectors/formats.json", "utf8")) as Formats;

describe("RFC 6962", () => {
  it("hashes the constants", () => {
    const { empty, emptyLeaf, leaf, node } = formats.rfc6962;
    expect(rootHash([]).toString("hex")).toBe(empty);
    expect(leafHash("").toString("hex")).toBe(emptyLeaf);
    expect(leafHash(leaf.in).toString("hex")).toBe(leaf.hash);
    // The published constant joins two short strings; our nodes are always 32 bytes, so it is made by hand here.
    expect(hash("sha256", `\x01${node.l}${node.r}`)).toBe(node.hash);
    expect(nodeHash(leafHash(""), leafHash("a")).toString("hex")).toBe(
      hash("sha256", Buffer.concat([Buffer.from([1]), leafHash(""), leafHash("a")])),
    );
  });
});

describe("signed notes", () => {
  it("verifies the example of the specification, and not with a letter changed", () => {
    const { vkey, note } = formats.signedNote.c2spExample;
    const key = parseVkey(vkey);
    expect(verifySignatures(parseNote(note), [key])).toHaveLength(1);
    expect(() => verifySignatures(parseNote(note.replace("example message", "Example message")), [key])).toThrow(
      NoteError,
    );
    expect(verifySignatures(parseNote(note), [verifierFor("example.com/bar", "log", key.publicKey)])).toEqual([]);
  });

  it("reads published keys", () => {
    for (const { vkey } of [formats.signedNote.goSumdb, formats.signedNote.formatsEd25519]) {
      expect(parseVkey(vkey).vkey).toBe(vkey);
    }
  });

  it("refuses bad keys, every proper substring of a key and every byte of it raised by one", () => {
    const { vkey, badVkeys } = formats.signedNote.goSumdb;
    for (const bad of badVkeys) expect(() => parseVkey(bad)).toThrow(NoteError);
    for (let from = 0; from < vkey.length; from += 1) {
      // The whole is the one slice that is not a proper one.
      for (let to = from; to <= vkey.length - (from === 0 ? 1 : 0); to += 1) {
        expect(() => parseVkey(vkey.slice(from, to))).toThrow(NoteError);
      }
      const raised = `${vkey.slice(0, from)}${String.fromCharCode(vkey.charCodeAt(from) + 1)}${vkey.slice(from + 1)}`;
      expect(() => parseVkey(raised)).toThrow(NoteError);
    }
  });
});

describe("checkpoints", () => {
  it("reads Go's, with spaces in its origin", () => {
    expect(parseCheckpoint(formats.checkpoint.goSumdbFormatTree.text)).toMatchObject({
      origin: "go.sum database tree",
      size: 123_456_789_012,
    });
  });

  it.each(formats.checkpoint.bad)("refuses %j", (text) => {
    expect(() => parseCheckpoint(text)).toThrow(NoteError);
  });
});

describe("proof files", () => {
  it.each(formats.tlogProof.marshal)("$name: writes and reads", ({ index, hashesOf, checkpoint, extra, want }) => {
    const path = hashesOf.map((each) => hash("sha256", each, "buffer"));
    const proof = { index, path, checkpoint, ...(extra === undefined ? {} : { extra: Buffer.from(extra) }) };
    expect(encodeProof(proof)).toBe(want);
    expect(encodeProof(parseProof(want))).toBe(want);
  });

  it.each(formats.tlogProof.unmarshalErrors)("refuses %j", (text) => {
    expect(() => parseProof(text)).toThrow(NoteError);
  });
});

describe("tiles", () => {
  it.each([0, 1, 2])("has the tiles of a log of 70,000 at level %i", (level) => {
    const wanted = formats.tiles.size70000[`level${level}`];
    const width = levelWidth(level, 70_000);
    expect({ full: Math.floor(width / 256), partialWidth: width % 256 }).toEqual(wanted);
  });

  it("spells long indices in threes", () => {
    const [[index, path] = ["", ""]] = Object.entries(formats.tiles.path);
    expect(tilePath(0, Number(index), 256)).toBe(`tile/0/${path}`);
    expect(entriesPath(Number(index), 7)).toBe(`tile/entries/${path}.p/7`);
  });
});

describe("the witness", () => {
  it("answers the published exchange, an unknown log with 404 as the specification has it now", () => {
    const log = parseVkey(formats.witness.logVkey);
    const heads = new Map<string, { size: number; root: Uint8Array }>();
    const saved: number[] = [];
    const own = cosigner("example.com/witness", generateKeyPairSync("ed25519").privateKey);
    const witness = new Witness(
      {
        load: (origin) => heads.get(origin),
        save(origin, size, root) {
          heads.set(origin, { size, root });
          saved.push(size);
        },
      },
      own,
      (origin) => (origin === log.name ? [log] : []),
    );
    const words = {
      200: "— example.com/witness",
      403: "invalid signature",
      404: "unknown log",
      422: "consistency proof",
    };
    for (const { body, status, assert } of formats.witness.cases) {
      const answer = witness.addCheckpoint(body, 1_700_000_000);
      const wanted = assert.includes("unknown log") ? 404 : status;
      expect(answer.status).toBe(wanted);
      const size = /== "(\d+)\\n"/.exec(assert)?.[1];
      const word = Object.entries(words).find(([code]) => Number(code) === wanted)?.[1];
      expect(answer.body).toContain(size === undefined ? word : `${size}\n`);
      expect(answer.contentType).toBe(wanted === 409 ? "text/x.tlog.size" : "text/plain; charset=utf-8");
    }
    expect(saved).toEqual([1, 3, 5]);
  });
});

describe("DSSE", () => {
  it("encodes the example before signing", () => {
    const { paeType, body, pae } = formats.dsse;
    expect(preAuthenticated(paeType, Buffer.from(body)).toString()).toBe(pae);
  });
});
