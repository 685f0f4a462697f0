import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProtocolError } from "../../../src/bytes/protocol-error.ts";
import {
  checkStartup,
  encodeNegotiateProtocolVersion,
  readOptions,
  readStartup,
} from "../../../src/protocols/postgres/startup.ts";

function packet(code: number, body: Uint8Array | string): Uint8Array {
  const bytes = Buffer.from(body);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + bytes.length, 0);
  head.writeUInt32BE(code, 4);
  return Buffer.concat([head, bytes]);
}

function outcome(bytes: Uint8Array): string {
  try {
    readStartup(bytes);
    return "read";
  } catch (error) {
    return error instanceof Error ? error.name : "thrown";
  }
}

const V3 = 3 << 16;
const V2 = 2 << 16;
const identity = { user: "app", database: "shop" };

function check(parameters: Record<string, string>) {
  return checkStartup(new Map(Object.entries({ user: "app", ...parameters })), identity);
}

describe("readStartup", () => {
  it("tells the four packets apart", () => {
    expect(readStartup(packet(80877103, ""))).toEqual({ kind: "ssl" });
    expect(readStartup(packet(80877104, ""))).toEqual({ kind: "gss" });
    const cancel = readStartup(packet(80877102, Uint8Array.of(0, 0, 0, 9, 0xde, 0xad, 0xbe, 0xef)));
    expect(cancel).toEqual({ kind: "cancel", key: "00000009deadbeef" });
    expect(readStartup(packet(V3 + 2, "user\0app\0_pq_.x\x001\0\0"))).toEqual({
      kind: "startup",
      minor: 2,
      parameters: new Map([["user", "app"]]),
      options: ["_pq_.x"],
    });
  });

  it("reads back whatever parameters a client can write", () => {
    const text = fc.string({ unit: "grapheme" }).map((each) => each.replaceAll("\0", ""));
    const names = text.filter((each) => each !== "" && !each.startsWith("_pq_."));
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(names, text), { selector: ([name]) => name, maxLength: 8 }), (pairs) => {
        const body = `${pairs.map(([name, value]) => `${name}\0${value}\0`).join("")}\0`;
        const read = readStartup(packet(V3, body));
        expect(read.kind === "startup" && [...read.parameters]).toEqual(pairs);
      }),
    );
  });

  it("takes an empty value, and no parameters at all", () => {
    expect(readStartup(packet(V3, "a\0\0\0"))).toMatchObject({ parameters: new Map([["a", ""]]) });
    expect(readStartup(packet(V3, "\0"))).toMatchObject({ parameters: new Map() });
  });

  it.each([
    ["without terminator", packet(V3, "user\0app\0")],
    ["with a value missing", packet(V3, "user\0\0")],
    ["empty", packet(V3, "")],
    ["with more behind its terminator", packet(V3, "user\0app\0\0x\0y\0\0")],
    ["with a name twice", packet(V3, "user\0app\0user\0root\0\0")],
    ["with an option twice", packet(V3, "_pq_.a\0x\0_pq_.a\0y\0\0")],
    ["that is not UTF-8", packet(V3, Buffer.from([0x61, 0, 0xff, 0, 0]))],
    ["of protocol 2", packet(V2, "app\0")],
    ["of protocol 4", packet(4 << 16, "\0")],
    ["of protocol 0", packet(0, "\0")],
    ["for TLS with bytes inside", packet(80877103, "x")],
    ["to cancel with a short key", packet(80877102, "1234567")],
    ["to cancel with a long key", packet(80877102, "x".repeat(261))],
    ["that is too large", packet(V3, `a\0${"b".repeat(10_000)}\0\0`)],
    ["that says it is shorter", Buffer.concat([Uint8Array.of(0, 0, 0, 8), packet(V3, "\0").subarray(4)])],
    ["that says it is longer", Uint8Array.of(0, 0, 0, 9, 0, 3, 0, 0)],
    ["cut short", Uint8Array.of(0, 0, 0)],
  ])("refuses a packet %s", (_, bytes) => {
    expect(() => readStartup(bytes)).toThrow(ProtocolError);
  });

  it("never throws anything but a ProtocolError on damage", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(outcome(bytes)).toMatch(/^(?:read|ProtocolError)$/);
      }),
    );
  });
});

describe("encodeNegotiateProtocolVersion", () => {
  it("names the version and the unknown options", () => {
    expect(Buffer.from(encodeNegotiateProtocolVersion(0, ["_pq_.a"])).toString("hex")).toBe(
      `76000000130003000000000001${Buffer.from("_pq_.a\0").toString("hex")}`,
    );
  });
});

describe("checkStartup", () => {
  it("passes what common drivers send, in the server's spelling", () => {
    const jdbc = check({ database: "shop", client_encoding: "UTF8", DateStyle: "ISO", TimeZone: "Europe/Berlin" });
    expect(jdbc).toEqual({
      kind: "accepted",
      startup: new Map([
        ["DateStyle", "ISO"],
        ["TimeZone", "Europe/Berlin"],
      ]),
    });
    expect(check({ client_encoding: "'utf-8'", application_name: "psql" })).toEqual({
      kind: "accepted",
      startup: new Map([["application_name", "psql"]]),
    });
  });

  it("takes settings out of options, and lets a parameter of its own win", () => {
    const options = "-c statement_timeout=5s --lock-timeout=1s -cTIMEZONE=UTC -c datestyle=ISO,\\ MDY";
    expect(check({ options, timezone: "CET" })).toEqual({
      kind: "accepted",
      startup: new Map([
        ["statement_timeout", "5s"],
        ["lock_timeout", "1s"],
        ["TimeZone", "CET"],
        ["DateStyle", "ISO, MDY"],
      ]),
    });
  });

  it.each([
    [{ user: "postgres" }, "user", "28000"],
    [{ user: "" }, "user", "28000"],
    [{ database: "postgres" }, "database", "3D000"],
    [{ replication: "database" }, "replication", "42501"],
    [{ role: "admin" }, "role", "42501"],
    [{ ROLE: "admin" }, "ROLE", "42501"],
    [{ USER: "app" }, "USER", "42501"],
    [{ session_authorization: "x" }, "session_authorization", "42501"],
    [{ search_path: "evil" }, "search_path", "42501"],
    [{ standard_conforming_strings: "off" }, "standard_conforming_strings", "42501"],
    [{ backslash_quote: "on" }, "backslash_quote", "42501"],
    [{ row_security: "off" }, "row_security", "42501"],
    [{ session_replication_role: "replica" }, "session_replication_role", "42501"],
    [{ client_encoding: "SJIS" }, "client_encoding", "22023"],
    [{ client_encoding: "auto" }, "client_encoding", "22023"],
    [{ default_transaction_read_only: "off" }, "default_transaction_read_only", "42501"],
    [{ DateStyle: "ISO", datestyle: "SQL" }, "datestyle", "22023"],
    [{ options: "-c role=admin" }, "role", "42501"],
    [{ options: "--session-authorization=x" }, "session_authorization", "42501"],
    [{ options: "-c standard\\_conforming_strings=off" }, "standard_conforming_strings", "42501"],
    [{ options: "-c client_encoding=SJIS" }, "client_encoding", "22023"],
    [{ options: "-e" }, "options", "42501"],
    [{ options: "-ec role=admin" }, "options", "42501"],
    [{ options: "-- -c role=admin" }, "options", "42501"],
    [{ options: "role=admin" }, "options", "42501"],
    [{ options: "\\" }, "options", "42501"],
    [{ options: "-c" }, "options", "42601"],
    [{ options: "-c geqo" }, "options", "42601"],
    [{ options: "-c =on" }, "options", "42601"],
  ])("refuses %j by its name", (parameters, name, code) => {
    expect(check(parameters)).toMatchObject({ kind: "refused", name, code });
  });

  it("passes on no setting whose name is not on its list", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (name, value) => {
        expect(check({ [name]: value, options: `-c ${name}=${value}` }).kind).toBe("refused");
      }),
    );
  });
});

describe("readOptions", () => {
  it("reads any settings back however white space and backslashes are escaped", () => {
    const name = fc.stringMatching(/^[a-z_]{1,8}$/);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, fc.string()), { maxLength: 5 }),
        fc.constantFrom("-c ", "-c", "--"),
        (all, how) => {
          const text = all.map(([key, value]) => `${how}${key}=${value.replace(/[\s\\]/g, "\\$&")}`).join(" \t ");
          expect(readOptions(text)).toEqual(all);
        },
      ),
    );
  });
});
