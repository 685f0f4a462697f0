import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProtocolError } from "../../../src/bytes/protocol-error.ts";
import { saslprep } from "../../../src/protocols/postgres/saslprep.ts";
import {
  type Binding,
  SCRAM,
  SCRAM_PLUS,
  ScramClient,
  scramMechanisms,
  scramServerFinal,
  scramServerFirst,
  scramVerifier,
} from "../../../src/protocols/postgres/scram.ts";

const HASH: Uint8Array = randomBytes(32);
const NONE: Uint8Array = new Uint8Array(0);
const UNBOUND: Binding = { kind: "none" };
const verifier = scramVerifier("pencil", randomBytes(16));

interface Exchange {
  readonly password?: string;
  readonly binding?: Binding;
  readonly certificateHash?: Uint8Array;
  readonly change?: (message: string) => string;
}

/** A whole exchange, each message passed through `change` first. */
function exchange(options: Exchange = {}): string {
  const { password = "pencil", binding = UNBOUND, certificateHash = NONE, change = (message) => message } = options;
  const mechanism = binding.kind === "bound" ? SCRAM_PLUS : SCRAM;
  const client = new ScramClient({ password, binding, nonce: randomBytes(18) });
  const first = scramServerFirst(verifier, change(client.first()), {
    mechanism,
    certificateHash,
    nonce: randomBytes(18),
  });
  const result = scramServerFinal(first.exchange, change(client.final(change(first.message))));
  if (result.kind === "wrong") return "wrong";
  client.verify(change(result.message));
  return "proved";
}

describe("SCRAM-SHA-256", () => {
  // RFC 7677 section 3. The nonces of the vector are base64, so they can be given as bytes.
  it("reproduces the exchange of RFC 7677, at both ends", () => {
    const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
    const client = new ScramClient({
      password: "pencil",
      user: "user",
      nonce: Buffer.from("rOprNGfwEbeRWgbNEkqO", "base64"),
      binding: { kind: "none" },
    });
    expect(client.first()).toBe("n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    const serverFirst = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const clientFinal =
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const serverFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    expect(client.final(serverFirst)).toBe(clientFinal);
    expect(() => client.verify(serverFinal)).not.toThrow();

    const result = scramServerFinal(
      {
        verifier: scramVerifier("pencil", salt),
        bare: "n=user,r=rOprNGfwEbeRWgbNEkqO",
        serverFirst,
        nonce: "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        bound: Buffer.from("n,,"),
      },
      clientFinal,
    );
    expect(result).toEqual({ kind: "proved", message: serverFinal });
  });

  it("proves the right password and no other, bound or not", () => {
    const bound: Binding = { kind: "bound", certificateHash: HASH };
    expect(exchange()).toBe("proved");
    expect(exchange({ binding: { kind: "not-offered" } })).toBe("proved");
    expect(exchange({ binding: bound, certificateHash: HASH })).toBe("proved");
    expect(exchange({ password: "pencils" })).toBe("wrong");
    expect(exchange({ password: "", binding: bound, certificateHash: HASH })).toBe("wrong");
  });

  it("offers binding only where there is a certificate to bind to", () => {
    expect(scramMechanisms(HASH)).toEqual([SCRAM_PLUS, SCRAM]);
    expect(scramMechanisms(NONE)).toEqual([SCRAM]);
  });

  it("notices that somebody took the offer of binding out", () => {
    expect(() => exchange({ binding: { kind: "not-offered" }, certificateHash: HASH })).toThrow("taken out");
  });

  it("notices another certificate in between", () => {
    const binding: Binding = { kind: "bound", certificateHash: randomBytes(32) };
    expect(() => exchange({ binding, certificateHash: HASH })).toThrow("does not match");
  });

  it("refuses binding where none was offered, and of a kind it does not know", () => {
    const binding: Binding = { kind: "bound", certificateHash: HASH };
    expect(() => exchange({ binding })).toThrow("not offered");
    const options = { mechanism: SCRAM_PLUS, certificateHash: HASH, nonce: randomBytes(18) } as const;
    expect(() => scramServerFirst(verifier, "p=tls-unique,,n=,r=abc", options)).toThrow("tls-server-end-point");
    expect(() => scramServerFirst(verifier, "n,,n=,r=abc", options)).toThrow("tls-server-end-point");
    const plain = { ...options, mechanism: SCRAM } as const;
    expect(() => scramServerFirst(verifier, "p=tls-server-end-point,,n=,r=abc", plain)).toThrow("PLUS");
  });

  it("never proves anything once any one character of any message was changed", () => {
    fc.assert(
      fc.property(fc.nat({ max: 3 }), fc.nat({ max: 200 }), (which, where) => {
        let seen = -1;
        const change = (message: string): string => {
          seen += 1;
          const at = where % message.length;
          const other = message[at] === "A" ? "B" : "A";
          return seen === which ? `${message.slice(0, at)}${other}${message.slice(at + 1)}` : message;
        };
        let outcome: string;
        try {
          outcome = exchange({ change });
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          outcome = "refused";
        }
        expect(outcome).not.toBe("proved");
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    "",
    "r=NONCEx",
    "r=NONCEx,s=c2FsdA==",
    "r=NONCEx,s=c2FsdA==,i=4095",
    "r=NONCEx,s=c2FsdA==,i=1000001",
    "r=NONCEx,s=c2FsdA==,i=04096",
    "r=NONCEx,s=c2FsdA==,i=4096,x=1",
    "m=1,r=NONCEx,s=c2FsdA==,i=4096",
    "r=NONCEx,s=c2FsdA,i=4096",
    "r=NONCEx,s=,i=4096",
    "r=NONCE,s=c2FsdA==,i=4096",
    "r=otherx,s=c2FsdA==,i=4096",
    `r=NONCE${"x".repeat(2000)},s=c2FsdA==,i=4096`,
  ])("refuses the server's first message %j", (message) => {
    const client = new ScramClient({ password: "p", nonce: Buffer.from("nonce!"), binding: { kind: "none" } });
    const nonce = Buffer.from("nonce!").toString("base64");
    expect(() => client.final(message.replace("NONCE", nonce))).toThrow(ProtocolError);
  });

  it("takes no final message before its time, and none that is an error", () => {
    const client = new ScramClient({ password: "p", nonce: Buffer.from("nonce!"), binding: { kind: "none" } });
    expect(() => client.verify(`v=${Buffer.from(HASH).toString("base64")}`)).toThrow("before");
    client.final(`r=${Buffer.from("nonce!").toString("base64")}x,s=c2FsdA==,i=4096`);
    expect(() => client.verify(`v=${Buffer.from(HASH).toString("base64")}`)).toThrow("does not know the password");
    expect(() => client.verify("e=invalid-proof")).toThrow("refused the proof");
    expect(() => client.verify("v=")).toThrow(ProtocolError);
  });

  it.each(["", "n,,", "n,a=admin,n=,r=x", "x,,n=,r=x", "n,,n=,r=", "n,,n=,r=x,e=1", "y,,r=x", "n,,m=1,n=,r=x"])(
    "refuses the client's first message %j",
    (message) => {
      const options = { mechanism: SCRAM, certificateHash: NONE, nonce: randomBytes(18) } as const;
      expect(() => scramServerFirst(verifier, message, options)).toThrow(ProtocolError);
    },
  );
});

describe("saslprep", () => {
  // RFC 4013 section 3; the last two are forbidden there, and PostgreSQL then takes the bytes as they are.
  it.each([
    ["I\u00adX", "IX"],
    ["user", "user"],
    ["USER", "USER"],
    ["\u00aa", "a"],
    ["\u2168", "IX"],
    ["\u0007", "\u0007"],
    ["\u06271", "\u06271"],
    ["caf\u00e9\u00a0x", "caf\u00e9 x"],
    ["\u00ad", "\u00ad"],
    ["\ue000\u2168", "\ue000\u2168"],
  ])("prepares %j as %j", (given, expected) => {
    expect(saslprep(given)).toBe(expected);
  });
});
