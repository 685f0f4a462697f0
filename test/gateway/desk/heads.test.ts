import { generateKeyPairSync } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { DeskError } from "../../../src/gateway/desk/call.ts";
import {
  checkpointText,
  noteSigner,
  parseNote,
  parseSignatures,
  parseVkey,
  verifySignatures,
} from "../../../src/tlog/note.ts";
import { addCheckpointBody } from "../../../src/tlog/witness.ts";
import { newPlace, ORIGIN, type Place, type Running, registered, runIn } from "./running.ts";
import { SID } from "./sample.ts";

const open: Running[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) {
    await each.stop();
    each.remove();
  }
});

async function start(place?: Place): Promise<Running> {
  const running = await registered(place);
  open.push(running);
  return running;
}

describe("the countersigner as a witness", () => {
  it("cosigns a head that extends the last, so that its vkey verifies it", async () => {
    const { client, session } = await start();
    const note = signedHead(session, 1, root(1));
    const lines = await client.addCheckpoint(addCheckpointBody(0, [], note));
    const whole = parseNote(`${note}${lines}`);
    const [own] = verifySignatures(whole, [parseVkey(client.vkey)]);
    expect(own?.verifier.kind).toBe("witness");
    expect(Math.abs((own?.at ?? 0) - Date.now() / 1000)).toBeLessThan(5);
    expect(parseSignatures(lines)).toHaveLength(1);
  });

  it("answers as the specification says: 400, 403, 404, 409 with its size, 422", async () => {
    const { client, session } = await start();
    const head = (size: number, signer = session, origin = ORIGIN): string =>
      signedHead(signer, size, root(size), origin);
    const stranger = noteSigner(ORIGIN, generateKeyPairSync("ed25519").privateKey);
    expect(await client.addCheckpoint(addCheckpointBody(0, [], head(2)))).toContain("—");
    expect(await statusOf(client.addCheckpoint("old 2\n"))).toBe(400);
    expect(await statusOf(client.addCheckpoint(addCheckpointBody(9, [], head(3))))).toBe(400);
    expect(await statusOf(client.addCheckpoint(addCheckpointBody(2, [], head(3, stranger))))).toBe(403);
    expect(await statusOf(client.addCheckpoint(addCheckpointBody(0, [], head(3, session, "nobody/s/x"))))).toBe(404);
    await expect(client.addCheckpoint(addCheckpointBody(0, [], head(3)))).rejects.toThrow(/409: 2$/);
    expect(await statusOf(client.addCheckpoint(addCheckpointBody(2, [root(1)], head(3))))).toBe(422);
  });

  it("remembers the last head when it is started again", async () => {
    const place = newPlace();
    const first = await registered(place);
    await first.client.addCheckpoint(addCheckpointBody(0, [], signedHead(place.session, 5, root(5))));
    await first.stop();

    const again = await runIn(place);
    open.push(again);
    const rollback = again.client.addCheckpoint(addCheckpointBody(0, [], signedHead(place.session, 3, root(3))));
    await expect(rollback).rejects.toThrow(/409: 5$/);
    const sameSize = addCheckpointBody(5, [], signedHead(place.session, 5, root(6)));
    expect(await statusOf(again.client.addCheckpoint(sameSize))).toBe(422);
    const same = addCheckpointBody(5, [], signedHead(place.session, 5, root(5)));
    expect(await again.client.addCheckpoint(same)).toContain("—");
  });

  it("signs nothing when its memory of a session is damaged", async () => {
    const { client, session, folder, log } = await start();
    await client.addCheckpoint(addCheckpointBody(0, [], signedHead(session, 5, root(5))));
    const path = join(folder, "heads", SID);
    writeFileSync(path, readFileSync(path, "utf8").replace("5 ", "5x"));
    const next = addCheckpointBody(5, [], signedHead(session, 5, root(5)));
    expect(await statusOf(client.addCheckpoint(next))).toBe(500);
    expect(log.join()).toContain("cannot be read");
  });

  it("keeps its state where nobody else can read it", async () => {
    const { folder, socketPath } = await start();
    expect(statSync(join(folder, "heads")).mode & 0o077).toBe(0);
    expect(statSync(join(folder, "heads", SID)).mode & 0o077).toBe(0);
    expect(statSync(socketPath).mode & 0o077).toBe(0);
    expect(readdirSync(join(folder, "heads"))).toEqual([SID]);
  });
});

describe("the registration of a session", () => {
  it("stands once made: the same again is fine, another key or origin is refused and logged", async () => {
    const { client, session, log } = await start();
    await client.register({ sid: SID, origin: ORIGIN, vkey: session.verifier.vkey });
    const other = noteSigner(ORIGIN, generateKeyPairSync("ed25519").privateKey).verifier.vkey;
    expect(await statusOf(client.register({ sid: SID, origin: ORIGIN, vkey: other }))).toBe(409);
    const elsewhere = { sid: SID, origin: `evil/s/${SID}`, vkey: session.verifier.vkey };
    expect(await statusOf(client.register(elsewhere))).toBe(409);
    expect(log).toHaveLength(2);
    await client.addCheckpoint(addCheckpointBody(0, [], signedHead(session, 1, root(1))));
  });

  it("stands after a restart", async () => {
    const place = newPlace();
    await (await registered(place)).stop();
    const again = await runIn(place);
    open.push(again);
    const other = noteSigner(ORIGIN, generateKeyPairSync("ed25519").privateKey).verifier.vkey;
    expect(await statusOf(again.client.register({ sid: SID, origin: ORIGIN, vkey: other }))).toBe(409);
    await again.client.register({ sid: SID, origin: ORIGIN, vkey: place.session.verifier.vkey });
  });

  it.each([
    [
      "an id that could name another file",
      { sid: "../../../../etc/passwd0000", origin: "a/../../../../etc/passwd0000" },
    ],
    ["an origin of another session", { origin: `${ORIGIN}0` }],
    ["an origin with a line feed", { origin: `x\n/${SID}` }],
    ["a witness's key", { vkey: "" }],
  ])("is refused with %s", async (_what, change) => {
    const { client, session } = await start();
    const given = { sid: SID, origin: ORIGIN, vkey: session.verifier.vkey, ...change };
    expect(await statusOf(client.register({ ...given, vkey: given.vkey === "" ? client.vkey : given.vkey }))).toBe(400);
  });
});

function signedHead(signer: { sign(text: string): string }, size: number, hash: Buffer, origin = ORIGIN): string {
  const text = checkpointText({ origin, size, root: hash });
  return `${text}\n${signer.sign(text)}`;
}

function root(fill: number): Buffer {
  return Buffer.alloc(32, fill);
}

async function statusOf(call: Promise<unknown>): Promise<number> {
  try {
    await call;
    return 200;
  } catch (error) {
    return error instanceof DeskError ? error.status : -1;
  }
}
