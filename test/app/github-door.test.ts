import type { Octokit } from "@octokit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Context } from "../../app/context.ts";
import { migrate } from "../../app/state/migrations.ts";
import { openPglite } from "../../app/state/pglite.ts";
import { askAgainAtMs, statusOf } from "../../src/github/failure.ts";
import { startTown, type Town } from "../standin/town.ts";
import { type AppUnderTest, runApp, secretsIn } from "./running.ts";

const ON_READ = { operation: "GET /repos/{owner}/{repo}" };

describe("the door to GitHub", () => {
  let town: Town;
  let running: AppUnderTest;
  let context: Context | undefined;
  const door = () => {
    if (context === undefined) throw new Error("the App has not begun");
    return context.github;
  };

  beforeAll(async () => {
    const database = await openPglite("memory");
    await migrate(database);
    town = await startTown();
    const part = (made: Context) => {
      context = made;
      return { routes: [], doers: new Map() };
    };
    running = await runApp({ town, database, parts: [part] });
  });
  afterAll(async () => {
    await running.app.stop();
    await town.close();
  });

  const read = async (octokit: Octokit) => await octokit.request("GET /repos/{owner}/{repo}", town.at);

  it("speaks as an installation, and as the App", async () => {
    expect((await read(await door().installation(town.installation.id))).data.name).toBe("shop");
    const app = await door().app();
    expect((await app.request("GET /app")).data).toMatchObject({ id: town.app.id });
  });

  it("throws at once what GitHub refuses, with when it may be asked again", async () => {
    const octokit = await door().installation(town.installation.id);
    await read(octokit);
    town.standin.faults.next({ kind: "secondary-limit", retryAfterSeconds: 30 }, ON_READ);
    const started = Date.now();
    const error: unknown = await read(octokit).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(statusOf(error)).toBe(403);
    expect(askAgainAtMs(error, 0)).toBe(30_000);
    expect(Date.now() - started).toBeLessThan(2_000);
  });

  it("throws at once what GitHub fails at, and asks no second time", async () => {
    const octokit = await door().installation(town.installation.id);
    await read(octokit);
    const before = town.standin.seen.length;
    town.standin.faults.next({ kind: "bad-gateway" }, ON_READ);
    await expect(read(octokit)).rejects.toMatchObject({ status: 502 });
    expect(town.standin.seen.length - before).toBeLessThanOrEqual(1);
    await read(octokit);
  });

  it("takes a new token when GitHub ended the old one", async () => {
    const octokit = await door().installation(town.installation.id);
    await read(octokit);
    // Octokit itself asks again for some seconds while a token is young.
    await new Promise((resolve) => setTimeout(resolve, 5_500));
    town.standin.expireTokens(town.installation);
    expect((await read(octokit)).data.name).toBe("shop");
    const another = await door().installation(town.installation.id);
    const before = town.standin.seen.length;
    await read(another);
    expect(town.standin.seen.length - before).toBe(1);
  });

  it("logs no secret, in all of this", () => {
    expect(running.logged.length).toBeGreaterThan(2);
    expect(secretsIn(running.logged, town)).toEqual([]);
  });
});
