import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Database } from "../../../app/state/database.ts";
import {
  checkpointText,
  noteSigner,
  parseNote,
  parseSignatures,
  parseVkey,
  verifySignatures,
} from "../../../src/tlog/note.ts";
import { Frontier, leafHash } from "../../../src/tlog/tree.ts";
import { addCheckpointBody } from "../../../src/tlog/witness.ts";
import { KINDS } from "../state/databases.ts";
import { addCheckpoint, type Gateway, newGateway, problem } from "./gateway.ts";
import { type Office, openOffice } from "./office.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

/** What goes wrong with saving heads: not at all, before anything is saved, or after it was. */
type Trouble = "none" | "before" | "after";

describe.each(KINDS)("the countersigner on %s", (kind) => {
  let office: Office;
  const saving = { trouble: "none" as Trouble, statements: 0, slowMs: 0 };

  const troubled = (database: Database): Database => ({
    ...database,
    async rows(text, parameters, claim) {
      const isSave = text.startsWith("UPDATE head");
      if (isSave) saving.statements += 1;
      if (isSave && saving.slowMs > 0) await new Promise((done) => setTimeout(done, saving.slowMs));
      if (isSave && saving.trouble === "before") throw new Error("the database is away");
      const rows = await database.rows(text, parameters, claim);
      if (isSave && saving.trouble === "after") throw new Error("the connection was lost");
      return rows;
    },
  });

  beforeAll(async () => {
    office = await openOffice(kind, { wrap: troubled });
  });
  afterAll(async () => {
    await office.close();
  });
  afterEach(() => {
    saving.trouble = "none";
    saving.slowMs = 0;
    office.clock.aheadMs = 0;
  });

  const ask = async (body: string, at = office.url): Promise<Response> => await addCheckpoint(at, body);
  const status = async (body: string, at?: string): Promise<number> => (await ask(body, at)).status;

  /** When the App cosigned the gateway's newest head, in POSIX seconds. Throws where it did not. */
  function timeOf(gateway: Gateway, lines: string): number {
    const text = gateway.note().slice(0, gateway.note().indexOf("\n\n") + 1);
    const [signed] = verifySignatures({ text, signatures: parseSignatures(lines) }, [parseVkey(office.app.app.vkey)]);
    if (signed === undefined) throw new Error("the App did not cosign it");
    return signed.at;
  }

  it("cosigns every step of an honest journal, whichever instance is asked, and what it signs verifies", async () => {
    const gateway = await office.quickSession();
    for (const [step, count] of [0, 1, 3, 0, 40, 1].entries()) {
      const response = await ask(gateway.grow(count), step % 2 === 0 ? office.url : office.second.origin);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
      expect(Math.abs(timeOf(gateway, await response.text()) - Date.now() / 1000)).toBeLessThan(60);
      gateway.cosigned();
    }
    const { size, note } = await office.headOf(gateway.origin);
    expect(size).toBe(45);
    const keys = [parseVkey(gateway.vkey), parseVkey(office.app.app.vkey)];
    expect(verifySignatures(parseNote(note), keys)).toHaveLength(2);
  });

  it("is told of a session that nobody registered with 404, and of a key that is not its with 403", async () => {
    expect(await status(newGateway().grow(1))).toBe(404);
    const gateway = await office.quickSession();
    const stranger = noteSigner(gateway.origin, generateKeyPairSync("ed25519").privateKey);
    const text = gateway.grow(1).split("\n\n")[1] ?? "";
    expect(await status(addCheckpointBody(0, [], `${text}\n\n${stranger.sign(`${text}\n`)}`))).toBe(403);
    expect(await status(addCheckpointBody(0, [], `${gateway.note()}${stranger.sign("else\n")}`))).toBe(200);
    const own = noteSigner(gateway.origin, gateway.key);
    expect(await status(addCheckpointBody(1, [], `${gateway.note()}${own.sign("else\n")}`))).toBe(403);
  });

  it("keeps no line of a stranger's, so that ours always has room", async () => {
    const gateway = await office.quickSession();
    const body = gateway.grow(3);
    const stranger = noteSigner(gateway.origin, generateKeyPairSync("ed25519").privateKey);
    const text = `${body.split("\n\n")[1] ?? ""}\n`;
    expect(await status(body + stranger.sign(text).repeat(15))).toBe(200);
    const { note } = await office.headOf(gateway.origin);
    expect(parseNote(note).signatures).toHaveLength(2);
    expect(note.startsWith(gateway.note())).toBe(true);
  });

  it.each([
    ["nothing", ""],
    ["no proof part", "old 0\n"],
    ["no old line", "\n\nexample.com/log\n"],
    ["a leading zero", "old 01\n\n"],
    ["a minus", "old -1\n\n"],
    ["a proof line of 31 bytes", `old 1\n${Buffer.alloc(31).toString("base64")}\n\n`],
    ["a proof line in the URL-safe alphabet", `old 1\n${"-".repeat(43)}=\n\n`],
    ["a proof line with a carriage return", `old 1\n${Buffer.alloc(32).toString("base64")}\r\n\n`],
    ["a size of 2^53", "old 9007199254740992\n\n"],
    ["a line before the old size", "\nold 0\n\n"],
    ["two old sizes", "old 0\nold 0\n\n"],
    ["64 proof lines", `old 1\n${`${Buffer.alloc(32).toString("base64")}\n`.repeat(64)}\n`],
  ])("answers 400 to %s", async (_name, head) => {
    const gateway = await office.quickSession();
    gateway.grow(1);
    expect(await status(head + gateway.note())).toBe(400);
    expect((await office.headOf(gateway.origin)).size).toBe(0);
  });

  it("refuses a body that no checkpoint has", async () => {
    expect(await status("x".repeat(20_000))).toBe(413);
  });

  it("never cosigns a fork, whatever proof comes with it", async () => {
    const gateway = await office.quickSession();
    expect(await status(gateway.grow(6))).toBe(200);
    const other = forkOf(gateway);
    for (const [old, to] of [
      [6, 6],
      [6, 9],
    ] as const) {
      expect(await status(other({ old, entries: names("fork", to) }))).toBe(422);
      expect(await status(other({ old, entries: names("fork", to) }), office.second.origin)).toBe(422);
    }
    expect(await status(other({ old: 0, entries: names("fork", 3) }))).toBe(409);
    expect((await office.headOf(gateway.origin)).size).toBe(6);
  });

  it("says 409 with its size before it looks at a proof, 400 to an old size past the head, and cosigns the same again", async () => {
    const gateway = await office.quickSession();
    expect(await status(gateway.grow(5))).toBe(200);
    const body = gateway.grow(2);
    for (const old of [0, 4, 6]) {
      const response = await ask(body.replace(/^old \d+/, `old ${old}`), old === 4 ? office.second.origin : office.url);
      expect([response.status, response.headers.get("content-type")]).toEqual([409, "text/x.tlog.size"]);
      expect(await response.text()).toBe("5\n");
    }
    expect(await status(body.replace(/^old \d+/, "old 8"))).toBe(400);
    gateway.cosigned();
    expect(await status(gateway.grow(0).replace(/^old 7/, "old 5"))).toBe(422);
  });

  it("takes an empty tree with the root of the empty tree and no other", async () => {
    const gateway = await office.quickSession();
    const own = noteSigner(gateway.origin, gateway.key);
    const bogus = checkpointText({ origin: gateway.origin, size: 0, root: Buffer.alloc(32, 1) });
    expect(await status(addCheckpointBody(0, [], `${bogus}\n${own.sign(bogus)}`))).toBe(422);
    expect(await status(gateway.grow(0))).toBe(200);
    expect(await status(addCheckpointBody(0, [leafHash("")], gateway.note()))).toBe(422);
    expect(await status(gateway.grow(2))).toBe(200);
  });

  it("saves the heads of 200 sessions that come at once in a few statements, each its own", async () => {
    const gateways: Gateway[] = [];
    for (let count = 0; count < 200; count += 1) gateways.push(await office.quickSession());
    const allAtOnce = async (count: (at: number) => number): Promise<readonly Response[]> => {
      const bodies = gateways.map((gateway, at) => gateway.grow(count(at)));
      return await Promise.all(bodies.map(async (body) => await ask(body)));
    };
    for (const { status: each } of await allAtOnce(() => 1)) expect(each).toBe(200);
    for (const gateway of gateways) gateway.cosigned();
    saving.statements = 0;
    // As far away as a database may be: what comes meanwhile goes together.
    saving.slowMs = 200;
    const responses = await allAtOnce((at) => at % 7);
    expect(new Set(responses.map(({ status: each }) => each))).toEqual(new Set([200]));
    for (const [at, response] of responses.entries()) {
      const gateway = gateways[at];
      if (gateway === undefined) throw new Error("as many as there are");
      expect(timeOf(gateway, await response.text())).toBeGreaterThan(0);
      expect((await office.headOf(gateway.origin)).size).toBe(1 + (at % 7));
    }
    expect(saving.statements).toBeLessThan(20);
  });

  it("cosigns one of many heads of a session that come at once, and tells the others where it stands", async () => {
    const gateway = await office.quickSession();
    const other = forkOf(gateway);
    const sizes = [1, 2, 3, 4, 5, 6, 7, 8];
    const answers = await Promise.all(
      sizes.map(async (size) => {
        const response = await ask(other({ old: 0, entries: names(`chain ${size}`, size) }));
        return { size, status: response.status, body: await response.text() };
      }),
    );
    const good = answers.filter((each) => each.status === 200);
    expect(good).toHaveLength(1);
    const rest = answers.filter((each) => each.status !== 200);
    expect(new Set(rest.map((each) => `${each.status} ${each.body}`))).toEqual(new Set([`409 ${good[0]?.size}\n`]));
  });

  it("never gives one size two roots, and all it cosigns is one journal, however instances race", async () => {
    const step = fc.record({ more: fc.array(fc.nat(4), { minLength: 2, maxLength: 6 }), behind: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        const gateway = await office.quickSession();
        const other = forkOf(gateway);
        const cosigned: (readonly string[])[] = [[]];
        for (const [round, { more, behind }] of steps.entries()) {
          const newest = cosigned.at(behind ? 0 : -1) ?? [];
          const answers = await Promise.all(
            more.map(async (count, at) => {
              const entries = [...newest, ...names(`${round} ${at}`, count)];
              const where = at % 2 === 0 ? office.url : office.second.origin;
              return { entries, status: await status(other({ old: newest.length, entries }), where) };
            }),
          );
          const good = answers.filter((each) => each.status === 200).map(({ entries }) => entries);
          cosigned.push(...good.toSorted((a, b) => a.length - b.length));
          cosigned.sort((a, b) => a.length - b.length);
        }
        for (const [at, entries] of cosigned.entries()) {
          const next = cosigned[at + 1] ?? entries;
          expect(next.slice(0, entries.length)).toEqual(entries);
        }
        expect((await office.headOf(gateway.origin)).size).toBe(cosigned.at(-1)?.length);
      }),
      { numRuns: 15 },
    );
  });

  it("answers 503 and cosigns nothing while the database is away, and goes on when it is back", async () => {
    const gateway = await office.quickSession();
    const body = gateway.grow(4);
    saving.trouble = "before";
    const response = await ask(body);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await problem(response)).toMatch(/^503 Not saved: /);
    expect(await office.headOf(gateway.origin)).toEqual({ size: 0, note: "" });
    saving.trouble = "none";
    expect(await status(body)).toBe(200);
    expect(office.app.logged.join("")).not.toContain("the database is away");
  });

  it("tells a retry after a save whose answer was lost its size, and cosigns the same head as an extension by nothing", async () => {
    const gateway = await office.quickSession();
    const body = gateway.grow(4);
    saving.trouble = "after";
    expect(await status(body)).toBe(503);
    saving.trouble = "none";
    expect((await office.headOf(gateway.origin)).size).toBe(4);
    for (const at of [office.url, office.second.origin]) {
      const again = await ask(body, at);
      expect([again.status, await again.text()]).toEqual([409, "4\n"]);
      const response = await ask(addCheckpointBody(4, [], gateway.note()), at);
      expect(response.status).toBe(200);
      expect(timeOf(gateway, await response.text())).toBeGreaterThan(0);
    }
  });

  it("never signs a time before the last", async () => {
    const gateway = await office.quickSession();
    office.clock.aheadMs = 90_000;
    const first = timeOf(gateway, await (await ask(gateway.grow(1))).text());
    gateway.cosigned();
    office.clock.aheadMs = -90_000;
    expect(timeOf(gateway, await (await ask(gateway.grow(1))).text())).toBe(first);
  });

  it("never signs a time before another instance's last", async () => {
    const gateway = await office.quickSession();
    office.clock.aheadMs = 90_000;
    const first = timeOf(gateway, await (await ask(gateway.grow(1))).text());
    gateway.cosigned();
    office.clock.aheadMs = -90_000;
    expect(timeOf(gateway, await (await ask(gateway.grow(1), office.second.origin)).text())).toBe(first);
  });

  it("refuses lines behind the third, which a session's log never has", async () => {
    const gateway = await office.quickSession();
    const body = gateway.grow(1);
    expect(await status(body.replace(/\n\n—/, "\nmore\n\n—"))).toBe(400);
    expect(await status(body)).toBe(200);
  });

  it("goes on with a session that was lost, so that what is found of it can be handed in to its end", async () => {
    const gateway = await office.quickSession();
    expect(await status(gateway.grow(2))).toBe(200);
    gateway.cosigned();
    await office.database.run("UPDATE session SET state = 'lost' WHERE sid = $1", [gateway.sid]);
    expect(await status(gateway.grow(1))).toBe(200);
  });

  it.each(["contested", "handed-in", "landed"])("cosigns nothing more of a session that is %s", async (state) => {
    const gateway = await office.quickSession();
    for (const at of [office.url, office.second.origin]) {
      expect(await status(gateway.grow(2), at)).toBe(200);
      gateway.cosigned();
    }
    await office.database.run("UPDATE session SET state = $2 WHERE sid = $1", [gateway.sid, state]);
    for (const at of [office.url, office.second.origin]) {
      expect(await status(gateway.grow(0), at)).toBe(403);
      expect(await status(gateway.grow(1), at)).toBe(403);
      expect(await status(gateway.grow(0).replace(/^old \d+/, "old 1"), at)).toBe(403);
    }
    expect((await office.headOf(gateway.origin)).size).toBe(4);
  });

  it("moves no head once its session has ended, also one that is on its way then", async () => {
    for (let round = 0; round < 6; round += 1) {
      const gateway = await office.quickSession();
      const answers: Promise<{ readonly size: number; readonly status: number }>[] = [];
      const other = forkOf(gateway);
      const ending = { isOver: false };
      const busy = (async () => {
        for (let size = 1; !ending.isOver && size < 400; size += 1) {
          const at = size % 2 === 0 ? office.url : office.second.origin;
          const body = other({ old: size - 1, entries: names("entry", size) });
          const answer = status(body, at).then((each) => ({ size, status: each }));
          answers.push(answer);
          await answer;
        }
      })();
      await new Promise((done) => setTimeout(done, 20 + round * 7));
      await office.database.run("UPDATE session SET state = 'contested' WHERE sid = $1", [gateway.sid]);
      const { size } = await office.headOf(gateway.origin);
      await new Promise((done) => setTimeout(done, 20));
      ending.isOver = true;
      await busy;
      expect((await office.headOf(gateway.origin)).size).toBe(size);
      const said = await Promise.all(answers);
      const cosigned = said.filter((each) => each.status === 200).map((each) => each.size);
      expect(Math.max(0, ...cosigned)).toBeLessThanOrEqual(size);
      expect(said.filter((each) => each.status !== 200 && each.status !== 403)).toEqual([]);
    }
  });

  it("counts what it answered", async () => {
    const metrics = await (await fetch(`${office.url}/metrics`)).text();
    for (const each of [200, 400, 403, 404, 409, 422, 503]) {
      expect(metrics).toContain(`countersign_heads_total{status="${each}"}`);
    }
  });
});

function names(of: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `${of} ${at}`);
}

/** Makes add-checkpoint requests of the session's key for whatever journal. */
function forkOf(gateway: Gateway): (of: { readonly old: number; readonly entries: readonly string[] }) => string {
  const signer = noteSigner(gateway.origin, gateway.key);
  return ({ old, entries }) => {
    const frontier = new Frontier();
    for (const each of entries.slice(0, old)) frontier.append(leafHash(each));
    frontier.rebase(frontier.peaks());
    for (const each of entries.slice(old)) frontier.append(leafHash(each));
    const text = checkpointText({ origin: gateway.origin, size: frontier.size, root: frontier.root() });
    return addCheckpointBody(old, frontier.consistencyProof(), `${text}\n${signer.sign(text)}`);
  };
}
