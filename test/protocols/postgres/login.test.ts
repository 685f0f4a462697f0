import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type LoginOptions, NO_TLS, openLogin } from "../../../src/protocols/postgres/login.ts";
import {
  type Mechanism,
  type ScramExchange,
  scramServerFinal,
  scramServerFirst,
  scramVerifier,
} from "../../../src/protocols/postgres/scram.ts";
import { readStartup } from "../../../src/protocols/postgres/startup.ts";
import { encodeError, encodeFrame } from "../../../src/protocols/postgres/wire.ts";
import type { LoginStep } from "../../../src/protocols/protocol.ts";

const PASSWORD = "s3cret-of-the-target";
const HASH: Uint8Array = randomBytes(32);
const NONE: Uint8Array = new Uint8Array(0);
const OK = auth(0);
const REST = encodeFrame("Z", Buffer.from("I"));
const verifier = scramVerifier(PASSWORD, randomBytes(16));

function options(changes: Partial<LoginOptions> = {}): LoginOptions {
  return {
    user: "app",
    password: PASSWORD,
    database: "shop",
    startup: new Map(),
    tls: "no",
    local: false,
    requireAuth: undefined,
    channelBinding: "prefer",
    random: randomBytes,
    ...changes,
  };
}

function auth(method: number, data: Uint8Array | string = ""): Buffer {
  const code = Buffer.alloc(4);
  code.writeUInt32BE(method);
  return encodeFrame("R", Buffer.concat([code, Buffer.from(data)]));
}

/** What the log-in made of a server's messages, in short: sent bytes, then the last step's kind. */
function play(login: ReturnType<typeof openLogin>, ...chunks: readonly Uint8Array[]): LoginStep | undefined {
  let last = login.begin().at(-1);
  for (const chunk of chunks) last = login.receive(chunk).at(-1) ?? last;
  return last;
}

function whyOf(step: LoginStep | undefined): string {
  return step?.kind === "failed" ? step.why : `no failure but ${step?.kind}`;
}

function sent(steps: readonly LoginStep[]): Buffer {
  return Buffer.concat(steps.flatMap((step) => (step.kind === "send" ? [step.bytes] : [])));
}

/** A server that does SCRAM as PostgreSQL does, over the log-in's own messages. */
function serveScram(
  login: ReturnType<typeof openLogin>,
  { offered, certificateHash }: { offered: readonly string[]; certificateHash: Uint8Array },
): { steps: readonly LoginStep[]; mechanism: string } {
  const first = sent(login.receive(auth(10, `${offered.join("\0")}\0\0`)));
  const mechanism = first.toString("latin1", 5, first.indexOf(0, 5));
  const clientFirst = first.subarray(first.indexOf(0, 5) + 5).toString();
  const answer = scramServerFirst(verifier, clientFirst, {
    mechanism: mechanism as Mechanism,
    certificateHash,
    nonce: randomBytes(18),
  });
  const final = sent(login.receive(auth(11, answer.message)));
  return { steps: finish(login, answer.exchange, final.subarray(5).toString()), mechanism };
}

function finish(
  login: ReturnType<typeof openLogin>,
  exchange: ScramExchange,
  clientFinal: string,
): readonly LoginStep[] {
  const result = scramServerFinal(exchange, clientFinal);
  if (result.kind === "wrong") return login.receive(encodeError({ severity: "FATAL", code: "28P01", message: "no" }));
  return login.receive(Buffer.concat([auth(12, result.message), OK, REST]));
}

function secured(changes: Partial<LoginOptions> = {}): ReturnType<typeof openLogin> {
  const login = openLogin(options({ tls: "direct", ...changes }));
  login.begin();
  login.secured(HASH);
  return login;
}

describe("the start of a log-in", () => {
  it("names user, database, encoding and the allowed settings", () => {
    const steps = openLogin(options({ startup: new Map([["TimeZone", "UTC"]]) })).begin();
    expect(readStartup(sent(steps))).toEqual({
      kind: "startup",
      minor: 0,
      options: [],
      parameters: new Map([
        ["user", "app"],
        ["database", "shop"],
        ["client_encoding", "UTF8"],
        ["TimeZone", "UTC"],
      ]),
    });
  });

  it("asks for TLS first, and says nothing more until it is there", () => {
    const login = openLogin(options({ tls: "require" }));
    expect(readStartup(sent(login.begin()))).toEqual({ kind: "ssl" });
    expect(login.receive(Buffer.from("S"))).toEqual([{ kind: "secure" }]);
    expect(readStartup(sent(login.secured(HASH))).kind).toBe("startup");
  });

  it("goes on without TLS only where that was allowed", () => {
    expect(play(openLogin(options({ tls: "require" })), Buffer.from("N"))).toMatchObject({
      kind: "failed",
      code: NO_TLS,
    });
    expect(play(openLogin(options({ tls: "prefer" })), Buffer.from("N"))?.kind).toBe("send");
  });

  it("takes no byte that came before encryption", () => {
    const injected = Buffer.concat([Buffer.from("S"), OK]);
    expect(whyOf(play(openLogin(options({ tls: "require" })), injected))).toContain("before encryption");
    expect(whyOf(play(openLogin(options({ tls: "require" })), Buffer.from("S"), OK))).toContain("before encryption");
    expect(whyOf(play(openLogin(options({ tls: "prefer" })), Buffer.from("NR")))).toContain("before encryption");
  });

  it("passes on no word that came in answer to the request for TLS", () => {
    const error = encodeError({ severity: "FATAL", code: "28000", message: "click here" });
    expect(JSON.stringify(play(openLogin(options({ tls: "require" })), error))).not.toContain("click");
    expect(play(openLogin(options({ tls: "require" })), Buffer.from("H"))?.kind).toBe("failed");
  });
});

describe("a password in the clear", () => {
  const ask = auth(3);

  it("goes out over TLS and on this machine, with nothing else", () => {
    const expected = encodeFrame("p", Buffer.from(`${PASSWORD}\0`));
    expect(sent(secured().receive(ask))).toEqual(expected);
    const local = openLogin(options({ local: true }));
    local.begin();
    expect(sent(local.receive(ask))).toEqual(expected);
  });

  it("does not go out over a network, unless the operator named the method", () => {
    expect(whyOf(play(openLogin(options()), ask))).toContain("in the clear over a network");
    expect(play(openLogin(options({ requireAuth: ["password"] })), ask)?.kind).toBe("send");
  });
});

describe("md5", () => {
  it("salts the hash of password and user", () => {
    const login = openLogin(options());
    login.begin();
    const inner = createHash("md5").update(`${PASSWORD}app`).digest("hex");
    const outer = createHash("md5").update(`${inner}salt`).digest("hex");
    expect(sent(login.receive(auth(5, "salt")))).toEqual(encodeFrame("p", Buffer.from(`md5${outer}\0`)));
  });
});

describe("SCRAM", () => {
  it("logs in and hands on what is behind AuthenticationOk", () => {
    const login = openLogin(options());
    login.begin();
    const { steps } = serveScram(login, { offered: ["SCRAM-SHA-256"], certificateHash: NONE });
    expect(steps).toEqual([{ kind: "ready", rest: REST }]);
  });

  it("binds to the channel where the server offers it", () => {
    const offered = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"];
    expect(serveScram(secured(), { offered, certificateHash: HASH })).toMatchObject({
      mechanism: "SCRAM-SHA-256-PLUS",
      steps: [{ kind: "ready" }],
    });
    const unbound = secured({ channelBinding: "disable" });
    expect(serveScram(unbound, { offered, certificateHash: HASH }).mechanism).toBe("SCRAM-SHA-256");
  });

  it("tells the server that it could bind, so a removed offer is noticed", () => {
    const offered = ["SCRAM-SHA-256"];
    expect(() => serveScram(secured(), { offered, certificateHash: HASH })).toThrow("taken out");
    expect(serveScram(secured(), { offered, certificateHash: NONE }).steps.at(-1)?.kind).toBe("ready");
  });

  it("insists on binding where the URL does", () => {
    const login = (): ReturnType<typeof openLogin> => secured({ channelBinding: "require" });
    expect(whyOf(login().receive(auth(10, "SCRAM-SHA-256\0\0"))[0])).toContain("channel binding");
    expect(whyOf(login().receive(OK)[0])).toContain("channel binding");
  });

  it("believes no server that has not proved that it knows the password", () => {
    const login = openLogin(options());
    login.begin();
    login.receive(auth(10, "SCRAM-SHA-256\0\0"));
    expect(whyOf(login.receive(OK)[0])).toContain("before it proved");

    for (const [message, why] of [
      [OK, "before it proved"],
      [auth(12, `v=${Buffer.from(HASH).toString("base64")}`), "does not know the password"],
      [auth(12, "e=other-error"), "refused the proof"],
    ] as const) {
      const late = openLogin(options({ random: () => Buffer.from("nonce!") }));
      late.begin();
      late.receive(auth(10, "SCRAM-SHA-256\0\0"));
      const nonce = Buffer.from("nonce!").toString("base64");
      expect(late.receive(auth(11, `r=${nonce}x,s=c2FsdA==,i=4096`)).at(-1)?.kind).toBe("send");
      expect(whyOf(late.receive(message)[0])).toContain(why);
    }
  });

  it("refuses an offer of binding without TLS", () => {
    expect(play(openLogin(options()), auth(10, "SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"))?.kind).toBe("failed");
  });
});

describe("what the operator did not want", () => {
  it.each([
    ["a password in the clear", auth(3)],
    ["md5", auth(5, "salt")],
    ["no authentication", OK],
  ])("refuses %s where the URL asks for SCRAM", (what, message) => {
    const last = play(openLogin(options({ requireAuth: ["scram-sha-256"], local: true })), message);
    expect(whyOf(last)).toContain(what);
  });

  it.each([
    ["Kerberos V5", 2],
    ["GSSAPI", 7],
    ["SSPI", 9],
    ["method 99", 99],
  ])("refuses %s by its name", (name, method) => {
    expect(whyOf(play(openLogin(options()), auth(method)))).toContain(name);
  });
});

describe("a server that does not behave", () => {
  it("fails with the server's message and code, but never with the password", () => {
    const message = `no role for ${PASSWORD}`;
    const failed = play(openLogin(options()), encodeError({ severity: "FATAL", code: "28P01", message }));
    expect(failed).toEqual({ kind: "failed", why: "no role for [password]", code: "28P01" });
  });

  it("is given up on when it sends too much, too often, or out of order", () => {
    const huge = Buffer.from([0x52, 0x7f, 0xff, 0xff, 0xff]);
    const notices = Buffer.concat(
      Array.from({ length: 65 }, () => encodeError({ severity: "NOTICE", code: "00000", message: "" })),
    );
    for (const bytes of [
      huge,
      notices,
      auth(11, "r=x"),
      auth(12, "v=x"),
      REST,
      Buffer.from("HTTP/1.1 400 Bad Request\r\n"),
    ]) {
      expect(play(openLogin(options()), bytes)?.kind).toBe("failed");
    }
    const twice = Buffer.concat([auth(3), auth(3)]);
    expect(play(openLogin(options({ local: true })), twice)?.kind).toBe("failed");
  });

  it("comes to the same end however its bytes are cut", () => {
    const bytes = Buffer.concat([
      encodeError({ severity: "NOTICE", code: "00000", message: "hello" }),
      auth(3),
      OK,
      REST,
    ]);
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat({ max: bytes.length }), { maxLength: 20 }), (cuts) => {
        const login = openLogin(options({ local: true }));
        login.begin();
        const edges = [0, ...cuts.toSorted((left, right) => left - right), bytes.length];
        const steps: LoginStep[] = [];
        let left = NONE;
        edges.slice(1).forEach((edge, index) => {
          const chunk = bytes.subarray(edges[index], edge);
          if (steps.at(-1)?.kind === "ready") left = Buffer.concat([left, chunk]);
          else steps.push(...login.receive(chunk));
        });
        const last = steps.at(-1);
        expect(last?.kind === "ready" && Buffer.concat([last.rest, left])).toEqual(REST);
      }),
    );
  });

  it("never makes the log-in throw, nor say the password", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 })),
        fc.constantFrom("no", "require", "prefer"),
        (chunks, tls) => {
          const login = openLogin(options({ tls }));
          const said = [login.begin(), ...chunks.map((chunk) => login.receive(chunk))].flat();
          expect(JSON.stringify(said)).not.toContain(PASSWORD);
        },
      ),
    );
  });
});
