import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Problem } from "../../../app/http/route.ts";
import { isInteger, shaped } from "../../../src/evidence/shape.ts";
import { containing } from "../../standin/containing.ts";
import { startTown, type Town } from "../../standin/town.ts";
import { KINDS, openStates, type States } from "../state/databases.ts";
import { ask, handIn, openOffice, openShop, putFiles, type Ran, runSession, seal, sessionOf } from "./office.ts";

describe.each(KINDS)("handing in on %s", (kind) => {
  let states: States;
  let town: Town;
  beforeAll(async () => {
    town = await startTown();
    states = await openStates(kind);
  });
  afterAll(async () => {
    await states.close();
    await town.close();
  });
  const begin = async () => {
    const shop = openShop(town, await states.fresh());
    return { shop, office: openOffice(shop) };
  };

  it("takes a session that is what was countersigned, calls for its landing, and says so as often as it is asked", async () => {
    const { shop, office } = await begin();
    const ran = await runSession(shop);
    expect(await handIn(office, ran)).toMatchObject({ status: 202, body: '{"state":"handed-in"}' });
    expect((await sessionOf(office, ran.sid)).state).toBe("handed-in");
    expect(office.ended).toEqual([ran.sid]);
    const errands = await shop.database.rows(
      "SELECT count(*) AS count FROM errand WHERE kind IN ('land', 'attend')",
      [],
      shaped({ count: isInteger }),
    );
    expect(errands).toEqual([{ count: 2 }]);
    expect(await handIn(office, ran)).toMatchObject({ status: 202 });
    expect(office.ended).toEqual([ran.sid]);
  });

  it("replaces a file that is sent again before the seal, and refuses another after it", async () => {
    const { shop, office } = await begin();
    const ran = await runSession(shop);
    const path = `/v1/sessions/${ran.sid}/files/events.jsonl`;
    await ask(office, `PUT ${path}`, Buffer.alloc(5_000_000, 65), ran.sid);
    expect(await handIn(office, ran)).toMatchObject({ status: 202 });
    await expect(ask(office, `PUT ${path}`, Buffer.from("x\n"), ran.sid)).rejects.toMatchObject({ status: 409 });
    await expect(seal(office, { ...ran, signature: { keyid: "a", sig: "b" } })).rejects.toMatchObject({ status: 409 });
    expect(await handIn(office, ran)).toMatchObject({ status: 202 });
  });

  it("takes no file of another name, and none for another session", async () => {
    const { shop, office } = await begin();
    const [one, two] = [await runSession(shop), await runSession(shop)];
    await expect(
      ask(office, `PUT /v1/sessions/${one.sid}/files/readme.md`, Buffer.from(""), one.sid),
    ).rejects.toMatchObject({ status: 404 });
    await expect(
      ask(office, `PUT /v1/sessions/${one.sid}/files/events.jsonl`, Buffer.from(""), two.sid),
    ).rejects.toMatchObject({ status: 403 });
    await expect(seal(office, one)).rejects.toMatchObject({
      status: 409,
      detail: containing("Hand in events.jsonl"),
    });
  });

  const last = (bytes: Uint8Array, cut: number): Buffer => Buffer.from(bytes).subarray(0, -cut);
  const without = (bytes: Uint8Array): Buffer =>
    Buffer.from(Buffer.from(bytes).toString().split("\n---\n").slice(0, -1).join("\n---\n"));
  const wrong: readonly (readonly [string, (ran: Ran) => Ran, RegExp])[] = [
    [
      "events that were cut",
      (ran) => ({ ...ran, sealed: { ...ran.sealed, events: last(ran.sealed.events, 1) } }),
      /no newline/,
    ],
    [
      "events that lack the last line",
      (ran) => ({
        ...ran,
        sealed: {
          ...ran.sealed,
          events: Buffer.from(`${Buffer.from(ran.sealed.events).toString().split("\n").slice(0, -2).join("\n")}\n`),
        },
      }),
      /were countersigned/,
    ],
    [
      "another event",
      (ran) => ({
        ...ran,
        sealed: {
          ...ran.sealed,
          events: Buffer.from(Buffer.from(ran.sealed.events).toString().replace('"exit":0', '"exit":1')),
        },
      }),
      /and not these/,
    ],
    [
      "a line that is no event",
      (ran) => ({
        ...ran,
        sealed: { ...ran.sealed, events: Buffer.concat([Buffer.from(ran.sealed.events), Buffer.from("{}\n")]) },
      }),
      /line \d+ is/,
    ],
    [
      "checkpoints without the last",
      (ran) => ({ ...ran, sealed: { ...ran.sealed, checkpoints: without(ran.sealed.checkpoints) } }),
      /does not end with the head/,
    ],
    [
      "no checkpoints",
      (ran) => ({ ...ran, sealed: { ...ran.sealed, checkpoints: Buffer.from("") } }),
      /checkpoints.txt/,
    ],
    [
      "a signature of another key",
      (ran) => ({ ...ran, signature: { ...ran.signature, sig: Buffer.alloc(64).toString("base64") } }),
      /signature/,
    ],
  ];
  it.each(wrong)("refuses %s", async (_what, change, why) => {
    const { shop, office } = await begin();
    const ran = await runSession(shop);
    const error = await handIn(office, change(ran)).catch((each: unknown) => each);
    expect(error).toBeInstanceOf(Problem);
    expect(error).toMatchObject({ status: 409 });
    expect(error instanceof Problem ? error.detail : "").toMatch(why);
    expect((await sessionOf(office, ran.sid)).state).toBe("open");
    expect(await handIn(office, ran)).toMatchObject({ status: 202 });
  });

  it.each([
    ["identity", "UPDATE session SET facts = jsonb_set(facts, '{identity,actor}', '\"mallory\"')"],
    ["policy", "UPDATE session SET facts = jsonb_set(facts, '{policy,digest}', '\"sha256:0\"')"],
    ["tier", "UPDATE session SET facts = jsonb_set(facts, '{tier}', '\"contained\"')"],
    ["list of targets", "UPDATE session SET facts = jsonb_set(facts, '{targets}', '[\"appdb\",\"billing\"]')"],
  ])("refuses a session that began with another %s than it was registered with", async (what, change) => {
    const { shop, office } = await begin();
    const ran = await runSession(shop);
    await shop.database.run(change);
    await expect(handIn(office, ran)).rejects.toMatchObject({
      status: 409,
      detail: containing(`another ${what}`),
    });
  });

  it("refuses an answer that the App never signed, and a session without a countersigned head", async () => {
    const { shop, office } = await begin();
    const [one, two] = [await runSession(shop), await runSession(shop, { heads: "none" })];
    shop.answers.set(one.sid, [{ request: "7Q2M4N8X3K", dsse: "{}\n" }]);
    await expect(handIn(office, one)).rejects.toMatchObject({
      detail: containing("not one that this App signed"),
    });
    await expect(handIn(office, two)).rejects.toMatchObject({ detail: containing("no head") });
  });

  it("does not take what changed while it was checked", async () => {
    const { shop, office } = await begin();
    const ran = await runSession(shop);
    await putFiles(office, ran);
    const path = `/v1/sessions/${ran.sid}/files/disclosures.jsonl`;
    const disturbed = openOffice(shop, {
      meanwhile: async () => await ask(office, `PUT ${path}`, Buffer.from(""), ran.sid),
    });
    await expect(seal(disturbed, ran)).rejects.toMatchObject({ status: 409, title: "Changed meanwhile" });
    expect((await sessionOf(office, ran.sid)).state).toBe("open");
  });
});
