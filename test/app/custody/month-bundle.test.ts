// A closed month in a file of a release: downloaded by anybody, verified without the repository, and made once.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { verifyBundle } from "../../../src/evidence/bundle.ts";
import { decodeTarGz, encodeTarGz } from "../../../src/evidence/tar.ts";
import { bundleReader } from "../../../src/gateway/ledger/bundle.ts";
import { PYTHON } from "../../independent/batch.ts";
import { published } from "../../standin/standin.ts";
import { startTown, type Town } from "../../standin/town.ts";
import { openStates, type States } from "../state/databases.ts";
import { faultsIn } from "./evidence-at.ts";
import { doErrand, handIn, landAll, type Office, openOffice, openShop, runSession, type Shop } from "./office.ts";

describe("a month's bundle", () => {
  let states: States;
  let town: Town;
  let shop: Shop;
  let office: Office;
  let place: string;
  beforeAll(async () => {
    town = await startTown({ published: published() });
    states = await openStates("PGlite");
    place = mkdtempSync(join(tmpdir(), "countersign-month-"));
  });
  afterAll(async () => {
    rmSync(place, { recursive: true, force: true });
    await states.close();
    await town.close();
  });
  beforeEach(async () => {
    const { git } = town.shop;
    for (const { name, oid } of await git.refs("refs/heads/countersign/"))
      await git.move([{ name, from: oid, to: undefined }]);
    town.shop.releases.length = 0;
    shop = openShop(town, await states.fresh());
    office = openOffice(shop);
  });
  const landOne = async (): Promise<void> => {
    await handIn(office, await runSession(shop));
    await landAll(office, shop);
  };
  const bundle = async () => await doErrand(office, "bundle", `${town.shop.id}/2026-11`);
  const assets = () => town.shop.releases.flatMap((each) => each.assets);
  const file = join(tmpdir(), `countersign-month-${process.pid}.tar.gz`);
  const verified = async (bytes: Uint8Array) => {
    writeFileSync(file, bytes);
    const ours = await verifyBundle(bundleReader(file), { pinned: shop.countersigner.app.verifier });
    let theirs: string;
    try {
      theirs = execFileSync("python3", [
        ...PYTHON,
        "--quick",
        file,
        "--key",
        shop.countersigner.app.verifier.vkey,
      ]).toString();
    } catch (error) {
      theirs = error instanceof Error && "stdout" in error ? String(error.stdout) : String(error);
    }
    rmSync(file);
    return { ours, theirs };
  };

  it("hangs on a prerelease of its own, and both verifiers call it good", async () => {
    for (let count = 0; count < 3; count += 1) await landOne();
    const before = town.standin.seen.length;
    expect(await bundle()).toBe("done");
    const blobs = town.standin.seen.slice(before).filter(({ operation }) => operation.includes("/git/blobs"));
    expect(blobs.length).toBeLessThan(12);
    expect(town.shop.releases).toMatchObject([{ tag: "countersign-evidence-2026-11", prerelease: true, draft: false }]);
    const [asset] = assets();
    expect(asset?.name).toBe("countersign-evidence-2026-11.tar.gz");
    const { ours, theirs } = await verified(asset?.content ?? Buffer.alloc(0));
    expect(faultsIn(ours)).toEqual([]);
    expect(ours).toMatchObject({ verdict: "good", trust: "pinned" });
    expect(ours.sessions).toHaveLength(3);
    expect(theirs).toMatch(/verdict: good, 3 sessions/);
  });

  it("is made once, and made anew when a session came late, when it was deleted, or when an upload had failed", async () => {
    await landOne();
    await bundle();
    const first = assets()[0];
    await bundle();
    expect(assets()).toEqual([first]);
    await landOne();
    await bundle();
    expect(assets()).toHaveLength(1);
    expect(assets()[0]?.id).not.toBe(first?.id);
    town.shop.releases[0]?.assets.splice(0);
    await bundle();
    expect(assets()).toHaveLength(1);
    const [release] = town.shop.releases;
    release?.assets.splice(0, 1, { ...release.assets[0], content: Buffer.alloc(0) } as never);
    await bundle();
    expect(assets()[0]?.content.length).toBeGreaterThan(1000);
  });

  it("waits while sessions wait to be entered, and there is none of a month without sessions", async () => {
    await handIn(office, await runSession(shop));
    expect(await bundle()).toBeGreaterThan(shop.clock.now);
    await landAll(office, shop);
    expect(await doErrand(office, "bundle", `${town.shop.id}/2026-10`)).toBe("done");
    expect(assets()).toEqual([]);
  });

  it("is called for when the month is over, on its second day", async () => {
    await landOne();
    shop.clock.now = Date.parse("2026-12-02T00:05:01.000Z");
    await doErrand(office, "heartbeat", town.shop.id);
    const due = await shop.database.rows(
      "SELECT subject FROM errand WHERE kind = 'bundle' ORDER BY subject",
      [],
      (row): row is { subject: string } => typeof row === "object" && row !== null,
    );
    expect(due.map(({ subject }) => subject)).toEqual([`${town.shop.id}/2026-10`, `${town.shop.id}/2026-11`]);
  });

  it("does not verify when a session of the month was taken out of it, or one was put in", async () => {
    for (let count = 0; count < 2; count += 1) await landOne();
    await bundle();
    const files = decodeTarGz(assets()[0]?.content ?? Buffer.alloc(0));
    const sid = /sessions\/2026\/11\/23\/(\w{26})\//.exec(files.map(({ path }) => path).join("\n"))?.[1] ?? "";
    const without = await verified(encodeTarGz(files.filter(({ path }) => !path.includes(sid))));
    expect(without.ours.verdict).toBe("failed");
    expect(without.theirs).toMatch(/verdict: FAILED/);
    const other = files.map((each) => ({ ...each, path: each.path.replace(sid, "01KANAV0Q8M3T4ZS5R6X7Y8Z9A") }));
    const put = await verified(
      encodeTarGz([...files, ...other.filter(({ path }) => path.includes("01KANAV0Q8M3T4ZS5R6X7Y8Z9A"))]),
    );
    expect(put.ours.verdict).toBe("failed");
    expect(put.theirs).toMatch(/verdict: FAILED/);
  });
});
