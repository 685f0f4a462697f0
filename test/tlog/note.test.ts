import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkpointText,
  cosigner,
  NoteError,
  noteSigner,
  parseCheckpoint,
  parseNote,
  parseVkey,
  verifySignatures,
} from "../../src/tlog/note.ts";
import { parseProof } from "../../src/tlog/proof.ts";

// https://c2sp.org/signed-note, clause by clause.

const newKey = () => generateKeyPairSync("ed25519").privateKey;
const log = noteSigner("example.com/log", newKey());
const witness = cosigner("witness.example/w", newKey());
const TEXT = "one line\n\nand one behind an empty line\n";
const NOTE = `${TEXT}\n${log.sign(TEXT)}`;
const known = [log.verifier, witness.verifier];

/** How many known keys signed it; a note that is refused was signed by none. */
function signaturesOf(note: string): number {
  try {
    return verifySignatures(parseNote(note), known).length;
  } catch (error) {
    if (error instanceof NoteError) return 0;
    throw error;
  }
}

describe("a note", () => {
  it("ends its text at the last empty line", () => {
    expect(parseNote(NOTE).text).toBe(TEXT);
    expect(verifySignatures(parseNote(NOTE), known).map(({ verifier }) => verifier.name)).toEqual(["example.com/log"]);
  });

  it("may have 16 signatures of 5 kB each that nobody here knows, and the one that is known counts", () => {
    const unknown = Array.from(
      { length: 16 },
      (_, at) => `— pq.example/${at} ${Buffer.alloc(5000, at + 1).toString("base64")}\n`,
    );
    expect(verifySignatures(parseNote(`${TEXT}\n${unknown.join("")}${log.sign(TEXT)}`), known)).toHaveLength(1);
  });

  it("may have 64 signatures and no more", () => {
    const line = `— x ${Buffer.alloc(68).toString("base64")}\n`;
    expect(parseNote(`${TEXT}\n${line.repeat(64)}`).signatures).toHaveLength(64);
    expect(() => parseNote(`${TEXT}\n${line.repeat(65)}`)).toThrow(NoteError);
  });

  it("is refused whole when a known key's signature does not verify, though another does", () => {
    const bad = log.sign("something else\n");
    for (const signatures of [
      bad,
      bad + log.sign(TEXT),
      log.sign(TEXT) + bad,
      log.sign(TEXT) + bad + witness.cosign(TEXT, 7),
    ]) {
      expect(() => verifySignatures(parseNote(`${TEXT}\n${signatures}`), known)).toThrow(NoteError);
    }
  });

  it("ignores a signature that shares name or id with a known key, and refuses one that shares both", () => {
    const [, , encoded = ""] = log.sign(TEXT).trimEnd().split(" ");
    const bytes = Buffer.from(encoded, "base64");
    const stranger = noteSigner("example.com/log", newKey());
    const sameName = stranger.sign(TEXT);
    const sameId = `— example.org/other ${encoded}\n`;
    for (const line of [sameName, sameId]) {
      expect(verifySignatures(parseNote(`${TEXT}\n${line}${log.sign(TEXT)}`), known)).toHaveLength(1);
      expect(verifySignatures(parseNote(`${TEXT}\n${line}`), known)).toEqual([]);
    }
    const [, , theirs = ""] = sameName.trimEnd().split(" ");
    const colliding = Buffer.concat([bytes.subarray(0, 4), Buffer.from(theirs, "base64").subarray(4)]);
    const both = `— example.com/log ${colliding.toString("base64")}\n`;
    expect(() => verifySignatures(parseNote(`${TEXT}\n${log.sign(TEXT)}${both}`), known)).toThrow(NoteError);
  });

  it("counts a key once, however often it signs", () => {
    const signed = verifySignatures(parseNote(`${TEXT}\n${log.sign(TEXT).repeat(3)}`), [log.verifier]);
    expect(signed).toHaveLength(1);
  });

  it.each([
    ["nothing", ""],
    ["no signature", TEXT],
    ["no empty line before the signatures", `one line\n${log.sign("one line\n")}`],
    ["no newline at its end", NOTE.slice(0, -1)],
    ["an empty line at its end", `${NOTE}\n`],
    ["carriage returns", NOTE.replaceAll("\n", "\r\n")],
    ["a carriage return in its text", NOTE.replace("one line", "one line\r")],
    ["a tab", NOTE.replace("one line", "one\tline")],
    ["NUL", NOTE.replace("one line", "one\0line")],
    ["an escape", NOTE.replace("one line", "one\u001bline")],
    ["half a surrogate pair", NOTE.replace("one line", "one\ud800line")],
    ["a hyphen for the dash", NOTE.replace("— ", "- ")],
    ["an en dash", NOTE.replace("— ", "– ")],
    ["no space behind the dash", NOTE.replace("— ", "—")],
    ["two spaces", NOTE.replace("example.com/log ", "example.com/log  ")],
    ["a name with a space", NOTE.replace("example.com/log", "example com/log")],
    ["a name with a no-break space", NOTE.replace("example.com/log", "example\u00a0com/log")],
    ["a name with an ideographic space", NOTE.replace("example.com/log", "example\u3000com/log")],
    ["a name with a plus", NOTE.replace("example.com/log", "example+com/log")],
    ["an empty name", NOTE.replace("example.com/log", "")],
    ["text behind a signature", NOTE.replace(/\n$/, " x\n")],
    ["a signature without padding", NOTE.replace(/=+\n$/, "\n")],
    ["a signature in the URL-safe alphabet", NOTE.replace(/([A-Za-z0-9+/]+)(=*)\n$/, "-$1$2\n")],
    ["a signature of four bytes, which is an id alone", `${TEXT}\n— example.com/log AAAAAA==\n`],
    ["a signature that is no base 64", `${TEXT}\n— example.com/log ????\n`],
    ["more than half a megabyte", `${"x".repeat(530_000)}\n\n${log.sign("x\n")}`],
  ])("with %s is none", (_name, note) => {
    expect(() => verifySignatures(parseNote(note), known)).toThrow(NoteError);
  });

  it("may hold what is above U+001F: DEL, C1 controls, a byte order mark, line separators", () => {
    const text = "\ufeffa\u007fb\u0085c\u2028d\n";
    expect(verifySignatures(parseNote(`${text}\n${log.sign(text)}`), known)).toHaveLength(1);
  });

  it("does not survive the change of any byte of its text or of a known signature", () => {
    fc.assert(
      fc.property(fc.nat(NOTE.length - 1), fc.integer({ min: 32, max: 126 }), (at, code) => {
        const changed = `${NOTE.slice(0, at)}${String.fromCharCode(code)}${NOTE.slice(at + 1)}`;
        fc.pre(changed !== NOTE);
        expect(signaturesOf(changed)).toBe(0);
      }),
    );
  });
});

describe("a cosignature", () => {
  it("holds its time, and not another", () => {
    const lines = witness.cosign(TEXT, 1_700_000_000);
    expect(verifySignatures(parseNote(`${TEXT}\n${lines}`), known)).toMatchObject([{ at: 1_700_000_000 }]);
    const [dash, name, encoded = ""] = lines.trimEnd().split(" ");
    for (let at = 4; at < 12; at += 1) {
      const bytes = Buffer.from(encoded, "base64");
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      const later = `${TEXT}\n${dash} ${name} ${bytes.toString("base64")}\n`;
      expect(() => verifySignatures(parseNote(later), known)).toThrow(NoteError);
    }
  });

  it("is no log's signature, nor the other way, though the key and the name be the same", () => {
    const key = newKey();
    const [asLog, asWitness] = [noteSigner("both.example", key), cosigner("both.example", key)];
    expect(asLog.verifier.keyId).not.toBe(asWitness.verifier.keyId);
    expect(verifySignatures(parseNote(`${TEXT}\n${asLog.sign(TEXT)}`), [asWitness.verifier])).toEqual([]);
    expect(verifySignatures(parseNote(`${TEXT}\n${asWitness.cosign(TEXT, 1)}`), [asLog.verifier])).toEqual([]);
  });
});

describe("a verifier key", () => {
  const { vkey } = log.verifier;
  it.each([
    ["another id", vkey.replace(/\+[0-9a-f]{8}\+/, "+00000000+")],
    ["an id in capitals", vkey.replace(/\+([0-9a-f]{8})\+/, (_all, id: string) => `+${id.toUpperCase()}A+`)],
    ["a name with a space", `a b${vkey.slice(vkey.indexOf("+"))}`],
    ["no name", vkey.slice(vkey.indexOf("+"))],
    ["a newline behind it", `${vkey}\n`],
    ["a type that is not known", parseTyped(vkey, 0x06)],
    ["a key of 31 bytes", vkey.slice(0, -4)],
  ])("with %s is none", (_name, bad) => {
    expect(() => parseVkey(bad)).toThrow(NoteError);
  });

  function parseTyped(text: string, type: number): string {
    const [name, id, ...rest] = text.split("+");
    const bytes = Buffer.from(rest.join("+"), "base64");
    bytes[0] = type;
    return `${name}+${id}+${bytes.toString("base64")}`;
  }
});

describe("a checkpoint", () => {
  const root = Buffer.alloc(32, 9).toString("base64");

  it("has a size of up to 2^53 - 1, spelled in one way", () => {
    for (const size of [0, 1, 2 ** 32, 2 ** 53 - 1]) {
      const text = checkpointText({ origin: "example.com/log", size, root: Buffer.alloc(32, 9) });
      expect(parseCheckpoint(text)).toMatchObject({ size });
    }
    for (const size of [
      "9007199254740992",
      "18446744073709551615",
      "01",
      "+1",
      "-1",
      "1.0",
      "1e3",
      "0x1",
      "",
      " 1",
      "1 ",
      "١",
    ]) {
      expect(() => parseCheckpoint(`example.com/log\n${size}\n${root}\n`)).toThrow(NoteError);
      expect(() => parseProof(`c2sp.org/tlog-proof@v1\nindex ${size}\n\n`)).toThrow(NoteError);
    }
  });

  it.each([
    ["an empty origin", `\n1\n${root}\n`],
    ["two lines", "example.com/log\n1\n"],
    ["no newline at its end", `example.com/log\n1\n${root}`],
    ["a root of 31 bytes", `example.com/log\n1\n${Buffer.alloc(31).toString("base64")}\n`],
    ["a root in hex", `example.com/log\n1\n${"00".repeat(32)}\n`],
    ["an empty line of extension", `example.com/log\n1\n${root}\n\n`],
    ["an empty line before an extension", `example.com/log\n1\n${root}\n\nx\n`],
  ])("with %s is none", (_name, text) => {
    expect(() => parseCheckpoint(text)).toThrow(NoteError);
  });

  it("keeps the lines behind the third", () => {
    expect(parseCheckpoint(`example.com/log\n1\n${root}\nx y\nz\n`).extensions).toEqual(["x y", "z"]);
  });
});
