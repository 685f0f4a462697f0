import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { endPointHash, makeSessionCertificate } from "../../src/gateway/certificate.ts";
import { openLogin } from "../../src/protocols/postgres/login.ts";
import { readTarget } from "../../src/protocols/postgres/target.ts";
import { TargetError } from "../../src/protocols/postgres/target-url.ts";
import type { LoginStep, Step } from "../../src/protocols/protocol.ts";
import { frame } from "../live/raw-client.ts";
import { postgresSamples } from "../protocols/postgres/samples.ts";
import { BY_THE_CLOCK } from "./clock.ts";

// What comes before anybody is known, from either side, and what an operator writes: nothing throws, nothing is let in
// without the password, and no message repeats a secret.

const PASSWORD = "the target's own";

const OPTIONS = {
  user: "app",
  password: PASSWORD,
  database: "shop",
  startup: new Map<string, string>(),
  local: false,
  channelBinding: "prefer",
  random: randomBytes,
} as const;

const words = fc.constantFrom(
  ..."user database options replication client_encoding application_name search_path role _pq_.x ci shop".split(" "),
  "-c search_path=x",
  "-csearch_path=x -c\\ role=y",
  "--standard-conforming-strings=off",
  "",
  "UTF8",
  "true",
);
const bytes = fc.uint8Array({ maxLength: 24 }).map((each) => Buffer.from(each));
const versions = fc.constantFrom(0x30000, 0x30002, 0x30063, 0x20000, 80877102, 80877103, 80877104, 0);

/** A packet without a type: its length, mostly true, then a version or a request, then names and values. */
const startup = fc
  .tuple(versions, fc.array(words, { maxLength: 8 }), bytes, fc.constantFrom(0, 0, 0, 1, -1, 2 ** 30))
  .map(([version, names, rest, lie]) => {
    const body = Buffer.concat([Buffer.alloc(8), Buffer.from(`${names.join("\0")}\0\0`), rest]);
    body.writeUInt32BE(Math.max(0, body.length + lie), 0);
    body.writeUInt32BE(version, 4);
    return body;
  });
const int32 = (value: number): Buffer => {
  const four = Buffer.alloc(4);
  four.writeInt32BE(value);
  return four;
};
const scram = fc.oneof(
  fc.constantFrom(
    "n,,n=,r=abcdefghijklmnop",
    "y,,n=,r=abc",
    "p=tls-server-end-point,,n=,r=abc",
    "c=biws,r=x,p=AAAA",
    "",
  ),
  fc.string({ maxLength: 40 }),
);
const sasl = fc.oneof(
  scram.map((text) => frame("p", ["SCRAM-SHA-256\0", int32(Buffer.byteLength(text)), text])),
  scram.map((text) => frame("p", [text])),
);
const pieces = fc.array(fc.oneof(startup, sasl, bytes), { minLength: 1, maxLength: 6 });

it("lets nobody in without the password, whatever a client begins with", () => {
  fc.assert(
    fc.property(pieces, fc.boolean(), (sent, together) => {
      const conversation = postgresSamples.open({ certificateHash: new Uint8Array(32) });
      const steps: Step[] = [...conversation.begin()];
      for (const piece of together ? [Buffer.concat(sent)] : sent) {
        steps.push(...conversation.receive("client", piece));
        if (steps.at(-1)?.kind === "secure") steps.push(...conversation.secured());
      }
      expect(steps.filter((step) => step.kind === "dial" || step.kind === "ask")).toEqual([]);
      expect(steps.filter((step) => step.kind === "send" && step.to === "server")).toEqual([]);
    }),
    BY_THE_CLOCK,
  );
});

const methods = fc
  .tuple(
    fc.constantFrom(0, 3, 5, 7, 9, 10, 11, 12),
    fc.oneof(
      bytes,
      scram.map((text) => Buffer.from(text)),
    ),
  )
  .map(([code, rest]) => frame("R", [int32(code), code === 10 ? Buffer.from("SCRAM-SHA-256\0\0") : rest]));
const server = fc.oneof(
  methods,
  bytes,
  fc.constantFrom(
    frame("Z", ["I"]),
    frame("S", ["a\0b\0"]),
    frame("K", [Buffer.alloc(8)]),
    frame("v", [Buffer.alloc(8)]),
    frame("E", ["SFATAL\0C28000\0Mno\0\0"]),
    Buffer.from("S"),
    Buffer.from("N"),
  ),
);

it("never throws on a server's log-in, and is in only where the server said so and proved what was asked of it", () => {
  fc.assert(
    fc.property(
      fc.array(server, { minLength: 1, maxLength: 8 }),
      fc.constantFrom("no" as const, "prefer" as const, "require" as const, "direct" as const),
      fc.boolean(),
      (messages, tls, scramOnly) => {
        const login = openLogin({ ...OPTIONS, tls, requireAuth: scramOnly ? ["scram-sha-256"] : undefined });
        const steps: LoginStep[] = [...login.begin()];
        for (const message of messages) {
          steps.push(...login.receive(message));
          if (steps.at(-1)?.kind === "secure") steps.push(...login.secured(new Uint8Array(32)));
        }
        // Nobody here knows the password, so nobody can prove that.
        expect(scramOnly && steps.some(({ kind }) => kind === "ready")).toBe(false);
        expect(steps.filter((step) => step.kind === "failed" && step.why.includes(PASSWORD))).toEqual([]);
      },
    ),
    BY_THE_CLOCK,
  );
});

const urlPieces = fc.array(
  fc.constantFrom(
    ..."postgres:// postgresql:// jobs : @ / ? & = , % %00 %2F [::1] [ ] :5432 127.0.0.1 %2Ftmp ::1 # 5432".split(" "),
    ..."sslmode=require sslmode= ssl=true host=a,b port=1,2 hostaddr=::1 dbname=x password=hunter2secret".split(" "),
    ..."require_auth=!none target_session_attrs=any connect_timeout=-1 sslrootcert=system options=-cx".split(" "),
    "hunter2secret",
    " ",
  ),
  { maxLength: 12 },
);
const { certPem } = makeSessionCertificate(["127.0.0.1"], new Date());
const der = Buffer.from(certPem.replace(/-----[A-Z ]+-----/g, ""), "base64");

it("takes a target's URL or says what is wrong with it without repeating it; a damaged certificate has a hash or is none", () => {
  fc.assert(
    fc.property(urlPieces, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }), (parts, changes) => {
      expect(faultOf(parts.join(""))).not.toContain("hunter2secret");
      const damaged = Buffer.from(der);
      for (const [at, value] of changes) damaged[at % damaged.length] = value;
      expect([-1, 0, 28, 32, 48, 64]).toContain(hashLength(damaged));
    }),
    BY_THE_CLOCK,
  );
});

/** What is wrong with a URL; empty when nothing is. */
function faultOf(url: string): string {
  try {
    readTarget("appdb", url);
    return "";
  } catch (error) {
    if (error instanceof TargetError) return error.message;
    throw error;
  }
}

/** -1 for what is no certificate. */
function hashLength(certificate: Uint8Array): number {
  try {
    return endPointHash(certificate).length;
  } catch {
    return -1;
  }
}
