// The whole App on either database, one or two instances of it, with the stand-in as GitHub and jobs that register.

import type { KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { PARTS } from "../../../app/parts.ts";
import type { Database } from "../../../app/state/database.ts";
import { isInteger, isText, shaped } from "../../../src/evidence/shape.ts";
import { rootHash } from "../../../src/tlog/tree.ts";
import type { NewRun } from "../../standin/setup.ts";
import { startTown, type Town } from "../../standin/town.ts";
import type { Job, Run } from "../../standin/world.ts";
import { type AppUnderTest, runApp, secretsIn } from "../running.ts";
import { type DatabaseKind, openStates } from "../state/databases.ts";
import { type Gateway, newGateway } from "./gateway.ts";

export const POLICY = `version: 1
targets:
  appdb: { protocol: postgres }
  billing: { protocol: postgres }
rules:
  - { name: all, match: { effects: [read] }, decide: allow }
`;

export interface Office {
  readonly town: Town;
  readonly database: Database;
  /** Where the App is, as its gateways know it. */
  readonly url: string;
  readonly app: AppUnderTest;
  /** Another instance on the same database; the same where the database has one instance only. */
  readonly second: AppUnderTest;
  readonly credentials: string;
  /** How much the App's clock is ahead. */
  readonly clock: { aheadMs: number };
  newJob(more?: Partial<NewRun>): Promise<{ readonly run: Run; readonly job: Job; readonly token: string }>;
  /** A session that is registered. */
  session(): Promise<Gateway>;
  /** A session that is in the state as if it were registered, of which GitHub knows nothing. */
  quickSession(): Promise<Gateway>;
  stateOf(sid: string): Promise<string>;
  headOf(origin: string): Promise<{ readonly size: number; readonly note: string }>;
  close(): Promise<void>;
}

const isState = shaped({ state: isText });
const isHead = shaped({ size: isInteger, note: isText });

export async function openOffice(
  kind: DatabaseKind,
  {
    credentials = "",
    wrap = (each: Database) => each,
  }: { credentials?: string; wrap?: (each: Database) => Database } = {},
): Promise<Office> {
  const folder = mkdtempSync(join(tmpdir(), "cs-sessions-"));
  const file = join(folder, "credentials.yml");
  writeFileSync(file, credentials === "" ? "{}" : credentials, { mode: 0o600 });
  const states = await openStates(kind);
  const town = await startTown();
  const { standin, shop, people } = town;
  await standin.commit(shop, { files: { ".github/countersign.yml": POLICY }, author: people.ada });
  const database = await states.fresh();
  const clock = { aheadMs: 0 };
  const run = async (on: Database, more: { url?: string; key?: KeyObject } = {}): Promise<AppUnderTest> =>
    await runApp({
      town,
      // The test looks at it after the App has stopped.
      database: { ...wrap(on), close: async () => await Promise.resolve() },
      parts: PARTS,
      clock: () => Date.now() + clock.aheadMs,
      config: { credentialsFile: file, ...(more.url === undefined ? {} : { url: more.url }) },
      ...(more.key === undefined ? {} : { key: more.key }),
    });
  const app = await run(database);
  const second = kind === "PGlite" ? app : await run(await states.another(), { url: app.origin, key: app.key });
  let quick = 0;
  const newJob: Office["newJob"] = async (more = {}) => {
    const tip = await shop.git.commit(`refs/heads/${more.headBranch ?? "main"}`);
    const made = standin.run({ repository: shop, headSha: tip?.oid ?? "", actor: people.ada, ...more });
    const job = standin.job(made);
    return { run: made, job, token: standin.oidc.token(job, app.origin) };
  };
  return {
    town,
    database,
    url: app.origin,
    app,
    second,
    credentials: file,
    clock,
    newJob,
    async session() {
      const gateway = newGateway();
      const { token } = await newJob();
      const response = await gateway.register(app.origin, { token });
      expect(`${response.status} ${await response.text()}`).toMatch(/^201 /);
      return gateway;
    },
    async quickSession() {
      const { sid, origin, vkey, encryption, ...rest } = newGateway();
      quick += 1;
      await database.run(
        `INSERT INTO session (sid, repository_id, repository, installation_id, run_id, run_attempt, check_run_id, origin, vkey,
           encryption, head_sha, registration, facts, policy_text, state, registered_at, seen_at)
         VALUES ($1, 1, 'acme/shop', 1, $2, 1, 1, $3, $4, $5, '', '', $6::text::jsonb, '', 'open', $7, $7)`,
        [sid, quick, origin, vkey, encryption.publicKey, JSON.stringify({ sid }), Date.now()],
      );
      await database.run("INSERT INTO head (origin, size, root, at) VALUES ($1, 0, $2, 0)", [origin, rootHash([])]);
      return { sid, origin, vkey, encryption, ...rest };
    },
    async stateOf(sid) {
      const [row] = await database.rows("SELECT state FROM session WHERE sid = $1", [sid], isState);
      return row?.state ?? "none";
    },
    async headOf(origin) {
      const [row] = await database.rows("SELECT size, note FROM head WHERE origin = $1", [origin], isHead);
      return row ?? { size: -1, note: "" };
    },
    async close() {
      const logged = [...app.logged, ...second.logged];
      const secrets = secretsIn(logged, town);
      if (second !== app) await second.app.stop();
      await app.app.stop();
      await states.close();
      await town.close();
      rmSync(folder, { recursive: true, force: true });
      expect(secrets).toEqual([]);
    },
  };
}
