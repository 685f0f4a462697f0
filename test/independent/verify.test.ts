// The independent verifier as people start it: its words and exit codes, its two ways of checking signatures, bundles,
// and evidence that was made to make a reader fall over.

import { execFileSync, spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync, sign, verify } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { publicKeyFrom, rawPublicKey } from "../../src/tlog/note.ts";
import { countersigner, folderOf, SIDS, sealBase } from "../evidence/forge.ts";
import { keyOf, party } from "../evidence/sealed.ts";
import { PYTHON, startBatch } from "./batch.ts";

const [FIRST] = SIDS;
const place = mkdtempSync(join(tmpdir(), "verify-py-"));
const base = join(place, "base");

beforeAll(async () => await sealBase(base));
afterAll(() => rmSync(place, { recursive: true, force: true }));

function run(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync("python3", [...PYTHON, "--quick", ...args], {
    encoding: "utf8",
    cwd: place,
    timeout: 25_000,
  });
  return { code: status, out: stdout, err: stderr };
}

describe("verify.py", () => {
  it("says ok of each check, and 0", () => {
    const { code, out, err } = run("base");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out.match(/^ {2}ok {9}\w/gm)).toHaveLength(5 * 14 + 6);
    expect(out).toContain(`session ${FIRST}  ${folderOf(FIRST)}`);
    expect(out).toContain("verdict: good, 5 sessions");
  });

  it("says FAILED and why, INCOMPLETE and why, and 1", () => {
    const folder = join(place, "worse");
    cpSync(base, folder, { recursive: true });
    const values = join(folder, folderOf(FIRST), "disclosures.jsonl");
    writeFileSync(values, readFileSync(values, "utf8").split("\n").slice(1).join("\n"));
    expect(run("worse")).toMatchObject({ code: 1, err: "" });
    expect(run("worse").out).toContain("  INCOMPLETE disclosures");
    writeFileSync(join(folder, folderOf(FIRST), "events.jsonl"), "");
    const { code, out } = run("worse");
    expect(code).toBe(1);
    expect(out).toContain("  FAILED     events       0 events\n             the first event is not session.started");
    expect(out).toContain("verdict: FAILED, 5 sessions");
    rmSync(folder, { recursive: true });
  });

  it("takes a key and a checkpoint that was kept", () => {
    const { vkey } = countersigner().app.verifier;
    expect(run("base", "--key", vkey, "--since", "base/log/checkpoint", "--json")).toMatchObject({ code: 0 });
    expect(run("base", "--key", party(keyOf("a stranger")).app.verifier.vkey)).toMatchObject({ code: 1 });
  });

  it.each([
    ["nothing", []],
    ["two places", ["base", "base"]],
    ["an unknown option", ["base", "--hurry"]],
    ["a key that is none", ["base", "--key", "x+y+z"]],
    ["a place that is not there", ["nowhere"]],
    ["a folder that is no evidence", ["."]],
    ["a checkpoint that is none", ["base", "--since", "base/trust/policy"]],
    ["a checkpoint for one session", [`base/${folderOf(FIRST)}`, "--since", "base/log/checkpoint"]],
  ])("calls it wrong use when given %s, with 2 and no traceback", (_name, args) => {
    const { code, out, err } = run(...args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).not.toBe("");
    expect(err).not.toContain("Traceback");
  });

  it("shows nothing of the evidence that would move the cursor or turn text around", () => {
    const folder = join(place, "colourful");
    cpSync(base, folder, { recursive: true });
    writeFileSync(join(folder, folderOf(FIRST), "\u001b[2J\u202egood"), "");
    const { code, out } = run("colourful");
    expect(code).toBe(1);
    for (const each of ["\u001b", "\u202e"]) expect(out).not.toContain(each);
    rmSync(folder, { recursive: true });
  });
});

describe("hostile evidence is refused without a traceback, soon:", () => {
  const at = (folder: string, name: string): string => join(folder, folderOf(FIRST), name);
  const FILES = ["events.jsonl", "disclosures.jsonl", "checkpoints.txt", "session.dsse.json", "session.tlog-proof"];
  const everywhere = (bytes: Buffer | string) => (folder: string) => {
    for (const name of [...FILES, "approvals/7Q2M4N8X3K.dsse.json", "erasures/1.dsse.json"]) {
      mkdirSync(dirname(at(folder, name)), { recursive: true });
      writeFileSync(at(folder, name), bytes);
    }
    for (const name of ["log/checkpoint", "trust/policy"]) writeFileSync(join(folder, name), bytes);
  };

  it.each([
    ["nothing at all in every file", everywhere("")],
    ["brackets alone", everywhere(`${"[".repeat(2_000_000)}\n`)],
    ["objects alone", everywhere(`${'{"a":'.repeat(400_000)}\n`)],
    ["a number of a million digits", everywhere(`{"a":${"9".repeat(1_000_000)}}\n`)],
    ["numbers that are none", everywhere('{"a":NaN,"b":Infinity,"c":-Infinity,"d":1e999}\n')],
    ["a key twice", everywhere('{"a":1,"a":1}\n')],
    ["half a pair", everywhere('{"a":"\\ud800"}\n')],
    ["bytes that are not UTF-8", everywhere(Buffer.from([0xff, 0xfe, 0xed, 0xa0, 0x80, 10]))],
    ["a byte order mark", everywhere("\ufeff{}\n")],
    ["carriage returns", everywhere("{}\r\n\r\n")],
    ["newlines alone", everywhere("\n".repeat(100_000))],
    ["NULs", everywhere(Buffer.alloc(1_000_000))],
    [
      "files of 10 GB, all holes",
      (folder: string) => FILES.forEach((name) => truncateSync(at(folder, name), 10 * 1024 ** 3)),
    ],
    ["a link to itself", (folder: string) => symlinkSync("loop", at(folder, "loop"))],
    [
      "the folder of sessions linked to a folder around it",
      (folder: string) => {
        rmSync(join(folder, "sessions"), { recursive: true });
        symlinkSync("..", join(folder, "sessions"));
      },
    ],
    [
      "a pipe for the checkpoint",
      (folder: string) => {
        rmSync(join(folder, "log/checkpoint"));
        execFileSync("mkfifo", [join(folder, "log/checkpoint")]);
      },
    ],
  ] satisfies [string, (folder: string) => void][])("%s", (_name, breaks) => {
    const folder = join(place, "hostile");
    cpSync(base, folder, { recursive: true });
    breaks(folder);
    expect(run("hostile")).toMatchObject({ code: 1, err: "" });
    rmSync(folder, { recursive: true });
  });
});

describe("a bundle", () => {
  const tar = (...args: string[]): Buffer =>
    execFileSync("tar", ["--format=ustar", "-cf", "-", ...args], { cwd: base, maxBuffer: 64 * 1024 ** 2 });
  const said = (name: string, bytes: Buffer) => {
    writeFileSync(join(place, name), bytes);
    return run(name);
  };

  /** Eight megabytes of zeros in a few kilobytes, which say that they are so many bytes. */
  function lengthened(size: number): Buffer {
    const bytes = gzipSync(Buffer.alloc(8 * 1024 ** 2));
    bytes.writeUInt32LE(size, bytes.length - 4);
    return bytes;
  }

  it("of a whole ledger is good", () => {
    const { code, out } = said("whole.tar.gz", gzipSync(tar("log", "sessions", "trust")));
    expect(code).toBe(0);
    expect(out).toContain("verdict: good, 5 sessions");
  });

  it("of one session is good, with the checkpoint of its proof, and with another it is not", () => {
    const [last = FIRST] = SIDS.slice(-1);
    const { code, out } = said("one.tar.gz", gzipSync(tar("log/checkpoint", "trust", folderOf(last))));
    expect({ code, said: out.split("\n").at(-2) }).toEqual({
      code: 0,
      said: "verdict: good, 1 sessions; pages were not rendered again",
    });
    expect(said("other.tar.gz", gzipSync(tar("log/checkpoint", "trust", folderOf(FIRST)))).out).toContain(
      "log/checkpoint is not the checkpoint of the proof",
    );
  });

  it.each([
    ["is no gzip", () => tar("log")],
    ["is cut", () => gzipSync(tar("log", "sessions", "trust")).subarray(0, -100)],
    [
      "has something behind its end",
      () => Buffer.concat([gzipSync(tar("log", "sessions", "trust")), Buffer.from("x")]),
    ],
    [
      "has a wrong checksum",
      () => gzipSync(tar("log")).map((byte, at, all) => (at === all.length - 8 ? byte ^ 1 : byte)),
    ],
    ["says that it becomes a gigabyte", () => lengthened(2 ** 30)],
    ["becomes far more than it says", () => lengthened(1024)],
    ["holds a name twice", () => gzipSync(tar("log", "log", "sessions", "trust"))],
    [
      "holds a link",
      () => {
        symlinkSync("checkpoint", join(base, "log/link"));
        const bytes = tar("log", "sessions", "trust");
        rmSync(join(base, "log/link"));
        return gzipSync(bytes);
      },
    ],
    ["names a way out", () => gzipSync(tar("log", "sessions", "trust", "--transform=s,^trust,../trust,"))],
    [
      "names a place of the machine",
      () => gzipSync(tar("-P", "log", "sessions", "trust", "--transform=s,^trust,/trust,")),
    ],
    ["is in another format", () => gzipSync(tar("log", "sessions", "trust", "--format=pax", "--pax-option=comment=x"))],
    ["is empty", () => gzipSync(Buffer.alloc(1024))],
  ] satisfies [string, () => Buffer | Uint8Array][])("that %s is refused", (_name, make) => {
    expect(said("bad.tar.gz", Buffer.from(make()))).toMatchObject({ code: 1 });
    expect(run("bad.tar.gz").err).not.toContain("Traceback");
  });
});

describe("signatures", () => {
  /** The order of the group, RFC 8032 section 5.1. */
  const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
  const little = (number: bigint): Buffer =>
    Buffer.from(Buffer.from(number.toString(16).padStart(64, "0"), "hex").toReversed());
  const number = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes.toReversed()).toString("hex")}`);

  it("are judged by openssl, by integers and by Node alike, whatever is wrong with them", {
    timeout: 120_000,
  }, async () => {
    const [openssl, integers] = [startBatch("openssl"), startBatch("integers")];
    const { privateKey } = generateKeyPairSync("ed25519");
    const key = rawPublicKey(privateKey);
    const message = Buffer.from("a message");
    const good = sign(null, message, privateKey);
    const [r, s] = [good.subarray(0, 32), good.subarray(32)];
    const identity = little(1n);
    const cases: readonly (readonly [string, Buffer, Buffer, Buffer])[] = [
      ["good", key, message, good],
      ["of a long message", key, Buffer.alloc(1_000_000), sign(null, Buffer.alloc(1_000_000), privateKey)],
      ["for another message", key, Buffer.from("another"), good],
      ["with S beyond the order", key, message, Buffer.concat([r, little(number(s) + ORDER)])],
      ["with S of ones", key, message, Buffer.concat([r, Buffer.alloc(32, 255)])],
      ["of zeros", key, message, Buffer.alloc(64)],
      ["by the key of zeros", Buffer.alloc(32), message, good],
      ["by the neutral key", identity, message, Buffer.concat([identity, Buffer.alloc(32)])],
      [
        "by the neutral key, spelled beyond the field",
        little(2n ** 255n - 18n),
        message,
        Buffer.concat([identity, Buffer.alloc(32)]),
      ],
      ["by the neutral key with a sign", little(1n + 2n ** 255n), message, Buffer.concat([identity, Buffer.alloc(32)])],
      [
        "with R spelled beyond the field",
        identity,
        message,
        Buffer.concat([little(2n ** 255n - 18n), Buffer.alloc(32)]),
      ],
      ["by a key of order two", little(2n ** 255n - 20n), message, Buffer.concat([identity, Buffer.alloc(32)])],
      ["by a key that is no point", little(2n), message, good],
      ["by a key of ones", Buffer.alloc(32, 255), message, good],
      ["too short", key, message, good.subarray(0, 63)],
      ...Array.from({ length: 24 }, (_, at) => {
        const bit = createHash("sha256").update(`bit ${at}`).digest().readUInt32BE() % 512;
        const flipped = Buffer.from(good.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)));
        return [`with bit ${bit} flipped`, key, message, flipped] as const;
      }),
    ];
    for (const [about, publicKey, text, signature] of cases) {
      const asked = {
        publicKey: publicKey.toString("hex"),
        message: text.toString("hex"),
        signature: signature.toString("hex"),
      };
      const node = JSON.stringify({ verifies: verify(null, text, publicKeyFrom(publicKey), signature) });
      const said = [await openssl.ask(asked), await integers.ask(asked)].map((each) =>
        JSON.stringify(JSON.parse(each)),
      );
      expect({ about, said }).toEqual({ about, said: [node, node] });
    }
    await openssl.close();
    await integers.close();
  });
});
