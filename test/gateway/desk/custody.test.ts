import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { encodeDsse, verifyDsse } from "../../../src/evidence/dsse.ts";
import { type Erasure, erasureStatement } from "../../../src/evidence/erasure.ts";
import { statementOf } from "../../../src/evidence/layout.ts";
import { readEvents } from "../../../src/evidence/read-events.ts";
import { CustodyError, openCustody } from "../../../src/gateway/desk/custody.ts";
import { rawPublicKey } from "../../../src/tlog/note.ts";
import { makeSession, ORIGIN, party } from "../../evidence/sealed.ts";

const by = party();
const made = makeSession(by);
const { root } = readEvents(made.events, () => undefined);
const custody = openCustody(by.key, { load: (origin) => by.heads.get(origin) }, by.app);
const erasure: Erasure = {
  at: "2026-11-25T09:00:00.000Z",
  by: "ines",
  digests: ["d".repeat(43)],
  ptrs: ["/2/body/text/0"],
  reason: "Asked for.",
  sid: made.sid,
};

describe("the countersigner's custody of an erasure", () => {
  it("signs it for the session that it countersigned, and for one that it never saw", () => {
    for (const [said, about] of [
      [erasure, root],
      [{ ...erasure, sid: "01KANAV0Q8M3T4ZS5R6X7Y8Z9Z" }, Buffer.alloc(32, 1)],
    ] as const) {
      const statement = erasureStatement(said, about);
      const envelope = encodeDsse(statement, [custody.signErasure(ORIGIN, statement)]);
      expect(verifyDsse(envelope, [rawPublicKey(by.key)])).toMatchObject({ kind: "good", payload: statement });
    }
  });

  it.each([
    ["of another root than was countersigned", erasureStatement(erasure, Buffer.alloc(32, 1)), ORIGIN],
    ["of a session's log instead of the log's", erasureStatement(erasure, root), `${ORIGIN}/s/${made.sid}`],
    ["that is not canonical", `${erasureStatement(erasure, root)} `, ORIGIN],
    ["that is about a session", statementOf(made.events, 19), ORIGIN],
    ["that says more", erasureStatement(erasure, root).replace('"by"', '"also":1,"by"'), ORIGIN],
  ])("signs none %s", (_name, statement, origin) => {
    expect(() => custody.signErasure(origin, statement)).toThrow(CustodyError);
  });

  it("signs nothing as a statement about a session that is about something else", () => {
    const other = openCustody(generateKeyPairSync("ed25519").privateKey, { load: () => undefined }, by.app);
    const origin = `${ORIGIN}/s/${made.sid}`;
    const statement = statementOf(made.events, 19);
    expect(custody.signStatement(origin, statement).keyid).toMatch(/^[0-9a-f]{64}$/);
    expect(() => other.signStatement(origin, statement)).toThrow(CustodyError);
    const disguised = statement.replace("attestation/session/", "attestation/approval/");
    expect(() => custody.signStatement(origin, disguised)).toThrow("not about a session");
    expect(() => custody.signStatement(origin, erasureStatement(erasure, root))).toThrow(CustodyError);
  });
});
