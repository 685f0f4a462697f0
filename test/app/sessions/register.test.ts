import { createHash, generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { openRegistration } from "../../../src/evidence/registration.ts";
import { isText, shaped } from "../../../src/evidence/shape.ts";
import { parseVkey } from "../../../src/tlog/note.ts";
import { sampleRequest } from "../../gateway/desk/sample.ts";
import { KINDS } from "../state/databases.ts";
import { addCheckpoint, newGateway, problem } from "./gateway.ts";
import { type Office, openOffice, POLICY } from "./office.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const isRequest = shaped({ id: isText, state: isText });

interface Answer {
  readonly registration: string;
  readonly policy: { readonly path: string; readonly commit: string; readonly text: string };
  readonly vkey: string;
  readonly credentials: readonly string[];
}

const answerOf = async (response: Response): Promise<Answer> => (await response.json()) as Answer;

describe.each(KINDS)("a registration on %s", (kind) => {
  let office: Office;

  beforeAll(async () => {
    office = await openOffice(kind, { credentials: "acme/shop:\n  appdb: postgres://deploy:s3cretive@db/shop\n" });
  });
  afterAll(async () => {
    await office.close();
  });

  async function refused(change: () => Promise<() => unknown>): Promise<string> {
    const { token } = await office.newJob();
    const back = await change();
    try {
      return await problem(await newGateway().register(office.url, { token }));
    } finally {
      await back();
    }
  }

  it("is answered with the App's signed statement of the job, as GitHub vouches for it", async () => {
    const { town, url, app } = office;
    const { run, token } = await office.newJob({ jobs: ["migrate / production"] });
    const gateway = newGateway();
    const response = await gateway.register(url, {
      token,
      change: { targets: ["billing", "appdb"], tier: "contained" },
    });
    expect(response.status).toBe(201);
    const answer = await answerOf(response);
    expect(answer.vkey).toBe(app.app.vkey);
    expect(answer.credentials).toEqual(["appdb"]);
    const opened = openRegistration(answer.registration, parseVkey(answer.vkey).publicKey);
    if (opened.kind === "bad") throw new Error(opened.why);
    const main = await town.shop.git.commit("refs/heads/main");
    expect(opened.registration).toEqual({
      sid: gateway.sid,
      vkey: gateway.vkey,
      encryption: gateway.encryption.publicKey,
      identity: {
        repository: "acme/shop",
        workflowRef: "acme/shop/.github/workflows/deploy.yml@refs/heads/main",
        run: String(run.id),
        attempt: "1",
        job: "migrate / production",
        actor: "ada",
        triggeringActor: "ada",
        commit: run.headSha,
        ref: "refs/heads/main",
        environment: "",
        event: "push",
      },
      repositoryId: town.shop.id,
      runId: run.id,
      runAttempt: 1,
      checkRunId: run.jobs[0]?.id,
      policy: {
        path: ".github/countersign.yml",
        commit: main?.oid,
        digest: `sha256:${createHash("sha256").update(POLICY).digest("hex")}`,
      },
      targets: ["billing", "appdb"],
      tier: "contained",
      registeredAt: opened.registration.registeredAt,
    });
    expect(answer.policy).toEqual({ path: ".github/countersign.yml", commit: main?.oid, text: POLICY });
    expect(await office.headOf(gateway.origin)).toEqual({ size: 0, note: "" });
  });

  it("gets the policy of the default branch, and not of the pull request's own", async () => {
    const { town, url } = office;
    const branch = `pr-${kind.toLowerCase()}`;
    const lenient = POLICY.replace("[read]", "[delete, schema, write, read]");
    const head = await town.standin.commit(town.shop, { branch, files: { ".github/countersign.yml": lenient } });
    const { token } = await office.newJob({ headBranch: branch, headSha: head, event: "pull_request" });
    const { policy } = await answerOf(await newGateway().register(url, { token }));
    expect(policy.text).toBe(POLICY);
    expect(policy.commit).not.toBe(head);
  });

  it("names who ran the job again, which no claim of its token does, and is another session than the first attempt's", async () => {
    const { town, url } = office;
    const { run, token } = await office.newJob();
    const before = newGateway();
    expect((await before.register(url, { token })).status).toBe(201);
    town.standin.rerun(run, town.people.bob);
    const job = town.standin.job(run);
    const again = newGateway();
    const answer = await answerOf(await again.register(url, { token: town.standin.oidc.token(job, url) }));
    const opened = openRegistration(answer.registration, parseVkey(answer.vkey).publicKey);
    expect(opened).toMatchObject({
      registration: { runAttempt: 2, identity: { actor: "ada", triggeringActor: "bob", attempt: "2" } },
    });
    expect(await office.stateOf(before.sid)).toBe("open");
    expect(await office.stateOf(again.sid)).toBe("open");
  });

  it("that is sent again gets the same bytes, also when several come at once to two instances", async () => {
    const { url, second } = office;
    const { token } = await office.newJob();
    const gateway = newGateway();
    const at = [url, second.origin, url, second.origin];
    const responses = await Promise.all(at.map(async (each) => await gateway.register(each, { token })));
    expect(responses.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 200, 201]);
    const texts = new Set(await Promise.all(responses.map(async (each) => await each.text())));
    expect(texts.size).toBe(1);
    expect(await office.stateOf(gateway.sid)).toBe("open");
  });

  it("that its key did not sign is refused", async () => {
    const { token } = await office.newJob();
    const signedBy = generateKeyPairSync("ed25519").privateKey;
    expect(await problem(await newGateway().register(office.url, { token, signedBy }))).toMatch(/^401 Not signed/);
    for (const without of ["signature", "signature-input", "content-digest"]) {
      expect(await problem(await newGateway().register(office.url, { token, without }))).toMatch(/^401 Not signed/);
    }
    const another = newGateway();
    const change = { vkey: another.vkey, sid: another.sid };
    expect(await problem(await newGateway().register(office.url, { token, change }))).toMatch(/^401 Not signed/);
  });

  it("whose key is named for another repository's log, or for another session, is refused", async () => {
    const { token } = await office.newJob();
    const elsewhere = await problem(await newGateway({ repository: "acme/other" }).register(office.url, { token }));
    expect(elsewhere).toMatch(/^422 Another session's key: .*github.com\/acme\/shop\/countersign\/s\//);
    const change = { sid: newGateway().sid };
    expect(await problem(await newGateway().register(office.url, { token, change }))).toMatch(/^422 Another/);
  });

  it.each([25, -25, 24 * 365 * 40])(
    "whose id's time is %d hours off is refused, as the log files it by that day",
    async (hours) => {
      const { token } = await office.newJob();
      const gateway = newGateway({ atMs: Date.now() + hours * 3_600_000 });
      expect(await problem(await gateway.register(office.url, { token }))).toMatch(
        /^400 An id of another day: .*clock says 20/,
      );
      expect(await office.stateOf(gateway.sid)).toBe("none");
    },
  );

  it.each([23, -23])("whose id's time is %d hours off is taken", async (hours) => {
    const { token } = await office.newJob();
    const gateway = newGateway({ atMs: Date.now() + hours * 3_600_000 });
    expect((await gateway.register(office.url, { token })).status).toBe(201);
  });

  it.each<readonly [string, Readonly<Record<string, unknown>>]>([
    ["no target", { targets: [] }],
    ["a target twice", { targets: ["appdb", "appdb"] }],
    ["a target's name in capitals", { targets: ["APPDB"] }],
    ["a target's name with a path", { targets: ["../appdb"] }],
    ["65 targets", { targets: Array.from({ length: 65 }, (_, at) => `t${at}`) }],
    ["another tier", { tier: "root" }],
    ["a field more", { admin: true }],
    ["an encryption key of 31 bytes", { encryption: "A".repeat(42) }],
    ["an id that is none", { sid: "01" }],
    ["a token of 17,000 characters", { token: "x".repeat(17_000) }],
  ])("with %s is refused before anybody is asked", async (_name, change) => {
    const before = office.town.standin.seen.length;
    expect(await problem(await newGateway().register(office.url, { token: "x", change }))).toMatch(/^400 Not a reg/);
    expect(office.town.standin.seen.length).toBe(before);
  });

  it("with a token that is forged, or for somebody else, is refused", async () => {
    const { standin } = office.town;
    const { job } = await office.newJob();
    const tokens = [standin.oidc.forged(job, office.url), standin.oidc.token(job, "https://vault.example")];
    for (const token of tokens) {
      expect(await problem(await newGateway().register(office.url, { token }))).toMatch(/^401 The token is not good/);
    }
  });

  describe("by another key for the same job", () => {
    it("is refused, and ends the first: no head, no credential, no answer any more", async () => {
      const { url, second, database } = office;
      const { token } = await office.newJob();
      const first = newGateway();
      expect((await first.register(url, { token })).status).toBe(201);
      expect((await addCheckpoint(url, first.grow(2))).status).toBe(200);
      first.cosigned();
      const id = first.sid.slice(-10);
      await database.run(
        `INSERT INTO request (id, sid, asked, code, state, head_sha, asked_at, deadline)
         VALUES ($1, $2, $3, $4, 'pending', '', 0, 9000000000000)`,
        [id, first.sid, JSON.stringify(sampleRequest({ id, sid: first.sid })), first.sid.slice(-9)],
      );
      const other = newGateway();
      const said = await problem(await other.register(second.origin, { token }));
      expect(said).toMatch(/^409 Contested: .*both are ended/);
      expect(await office.stateOf(first.sid)).toBe("contested");
      expect(await office.stateOf(other.sid)).toBe("none");
      expect((await addCheckpoint(url, first.grow(1))).status).toBe(403);
      expect((await addCheckpoint(second.origin, first.grow(0))).status).toBe(403);
      const credentials = `/v1/sessions/${first.sid}/credentials`;
      expect(await problem(await first.ask(url, "POST", credentials, '{"target":"appdb"}'))).toMatch(/^403 Not open/);
      const [request] = await database.rows("SELECT id, state FROM request WHERE sid = $1", [first.sid], isRequest);
      expect(request?.state).toBe("withdrawn");
      const standing = await first.ask(url, "GET", `/v1/sessions/${first.sid}`);
      expect(await standing.json()).toEqual({ state: "contested", folder: "", commit: "" });
      expect((await office.headOf(first.origin)).size).toBe(2);
      // It stays so, whoever asks: the first again, the other again, and a third.
      for (const each of [first, other, newGateway()]) {
        expect((await each.register(url, { token })).status).toBe(409);
      }
      const [errand] = await database.rows(
        "SELECT kind AS id, subject AS state FROM errand WHERE kind = 'close' AND subject = $1",
        [first.sid],
        isRequest,
      );
      expect(errand?.state).toBe(first.sid);
    });

    it("is so also where only the targets, the tier or the encryption key are other", async () => {
      const changes = [{ targets: ["billing"] }, { tier: "remote" }, { encryption: newGateway().encryption.publicKey }];
      for (const change of changes) {
        const { token } = await office.newJob();
        const gateway = newGateway();
        expect((await gateway.register(office.url, { token })).status).toBe(201);
        expect((await gateway.register(office.url, { token, change })).status).toBe(409);
        expect(await office.stateOf(gateway.sid)).toBe("contested");
      }
    });

    it("at once on two instances never leaves two open", async () => {
      for (let round = 0; round < 5; round += 1) {
        const { token } = await office.newJob();
        const gateways = [newGateway(), newGateway(), newGateway()];
        const at = [office.url, office.second.origin, office.url];
        const responses = await Promise.all(
          gateways.map(async (each, index) => await each.register(at[index] ?? office.url, { token })),
        );
        const states = await Promise.all(gateways.map(async ({ sid }) => await office.stateOf(sid)));
        expect(states.toSorted()).toEqual(["contested", "none", "none"]);
        expect(responses.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409, 409]);
      }
    });

    it("says so where the id alone is another session's, and ends neither", async () => {
      const first = await office.session();
      const { token } = await office.newJob();
      const said = await problem(await first.register(office.url, { token }));
      expect(said).toMatch(/^409 The id is taken/);
      expect(await office.stateOf(first.sid)).toBe("open");
    });
  });

  describe("is refused with what to do", () => {
    it("where the App is not installed, or suspended", async () => {
      const { installation, standin } = office.town;
      const suspended = await refused(async () => {
        installation.suspendedAt = new Date().toISOString();
        return await Promise.resolve(() => (installation.suspendedAt = undefined));
      });
      expect(suspended).toMatch(/^403 Not installed: Install the App on acme\/shop/);
      const { installations } = standin.world;
      const none = await refused(async () => {
        const kept = installations.splice(0);
        return await Promise.resolve(() => installations.push(...kept));
      });
      expect(none).toMatch(/^403 Not installed: Install the App on acme\/shop/);
    });

    it("where the run is a fork's", async () => {
      const { standin, shop, people } = office.town;
      const fork = await standin.fork(shop, people.eve);
      const head = await standin.commit(fork, { branch: `f-${kind}`, files: { "x.sql": "DROP TABLE t" } });
      const pull = await standin.openPull({ repository: shop, head: `f-${kind}`, author: people.eve, from: fork });
      for (const event of ["pull_request", "pull_request_target"]) {
        const { token } = await office.newJob({ headSha: head, headBranch: `f-${kind}`, headRepository: fork, event });
        expect(await problem(await newGateway().register(office.url, { token }))).toMatch(/^403 A fork's run/);
      }
      expect(pull.number).toBeGreaterThan(0);
    });

    it("where the run is over, was run again since, or is not there", async () => {
      const { standin, people, shop } = office.town;
      const over = await office.newJob();
      over.run.status = "completed";
      over.run.conclusion = "success";
      expect(await problem(await newGateway().register(office.url, over))).toMatch(/^403 The run is over/);
      const older = await office.newJob();
      standin.rerun(older.run, people.bob);
      expect(await problem(await newGateway().register(office.url, older))).toMatch(/^403 The run is over/);
      const gone = await office.newJob();
      shop.runs.splice(shop.runs.indexOf(gone.run), 1);
      expect(await problem(await newGateway().register(office.url, gone))).toMatch(/^403 No such run: .*actions/);
    });

    it("where the repository has another name now, and where the name is another repository's", async () => {
      const { standin, shop, acme } = office.town;
      const { token } = await office.newJob();
      Object.assign(shop, { name: "store" });
      const other = await standin.repository(acme, "shop");
      try {
        const renamed = await problem(await newGateway().register(office.url, { token }));
        expect(renamed).toMatch(/^403 Another name: .*acme\/shop, which is acme\/store now/);
        const { repositories } = standin.world;
        const [kept] = repositories.splice(repositories.indexOf(shop), 1);
        const replaced = await problem(await newGateway().register(office.url, { token }));
        if (kept !== undefined) repositories.push(kept);
        expect(replaced).toMatch(/^403 Not installed: .*another repository now/);
      } finally {
        const { repositories } = standin.world;
        repositories.splice(repositories.indexOf(other), 1);
        Object.assign(shop, { name: "shop" });
      }
    });

    it("where the policy is not there, cannot be read, or has no such target", async () => {
      const { standin, shop } = office.town;
      const path = ".github/countersign.yml";
      const write = async (text: string): Promise<unknown> => await standin.commit(shop, { files: { [path]: text } });
      const broken = await refused(async () => {
        await write(POLICY.replace("version: 1", "version: 1\nversoin: 2"));
        return async () => await write(POLICY);
      });
      expect(broken).toMatch(/^422 The policy cannot be used: .*countersign\.yml:2:1/);
      const { token } = await office.newJob();
      const change = { targets: ["appdb", "ledger"] };
      const unknown = await problem(await newGateway().register(office.url, { token, change }));
      expect(unknown).toMatch(/^422 A target without policy: .*no target ledger; it has appdb, billing/);
      const none = await refused(async () => {
        shop.defaultBranch = "trunk";
        await standin.commit(shop, { branch: `empty`, files: { "a.txt": "a" } });
        return () => (shop.defaultBranch = "main");
      });
      expect(none).toMatch(/^422 No policy: .*default branch trunk cannot be read/);
    });

    it("where the repository had its sessions of this hour", async () => {
      const { database, town, clock } = office;
      await database.run(
        `INSERT INTO session (sid, repository_id, repository, installation_id, run_id, run_attempt, check_run_id, origin,
           vkey, encryption, head_sha, registration, facts, policy_text, state, registered_at, seen_at)
         SELECT 'filler' || n, $1, 'acme/shop', 1, n, 1, 1, 'filler' || n, '', '', '', '', '{"sid":"filler"}', '', 'landed', $2, 0
         FROM generate_series(1, 500) AS n`,
        [town.shop.id, Date.now()],
      );
      const { token } = await office.newJob();
      const response = await newGateway().register(office.url, { token });
      expect(response.headers.get("retry-after")).toBe("60");
      expect(await problem(response)).toMatch(/^429 Too many sessions: acme\/shop had 500/);
      clock.aheadMs = 3_600_001;
      await database.run("UPDATE session SET registered_at = 0 WHERE sid LIKE 'filler%'");
      clock.aheadMs = 0;
      expect((await newGateway().register(office.url, { token })).status).toBe(201);
      await database.run("DELETE FROM session WHERE sid LIKE 'filler%'");
    });

    it("where GitHub cannot be asked, with when to ask again", async () => {
      const { faults } = office.town.standin;
      const operation = "GET /repos/{owner}/{repo}/actions/runs/{run_id}";
      const { token } = await office.newJob();
      const gateway = newGateway();
      for (const [fault, after] of [
        [{ kind: "bad-gateway" }, "5"],
        [{ kind: "secondary-limit", retryAfterSeconds: 17 }, "17"],
        [{ kind: "reset" }, "5"],
      ] as const) {
        faults.next(fault, { operation });
        const response = await gateway.register(office.url, { token });
        expect(response.headers.get("retry-after")).toBe(after);
        expect(await problem(response)).toMatch(/^503 GitHub cannot be asked/);
      }
      expect((await gateway.register(office.url, { token })).status).toBe(201);
    });
  });

  it("leaves nothing of its token or of a credential in the log or the metrics", async () => {
    const { token } = await office.newJob();
    expect((await newGateway().register(office.url, { token })).status).toBe(201);
    await newGateway().register(office.url, { token: `${token.slice(0, -8)}AAAAAAAA` });
    const metrics = await (await fetch(`${office.url}/metrics`)).text();
    const all = [...office.app.logged, ...office.second.logged, metrics].join("\n");
    const [, body = "", signature = ""] = token.split(".");
    for (const secret of [body.slice(0, 40), signature.slice(0, 40), "s3cretive"]) expect(all).not.toContain(secret);
    expect(all).toContain("a session is registered");
    expect(metrics).toContain("countersign_sessions_registered_total");
  });
});
