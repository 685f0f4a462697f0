import { generateKeyPairSync } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compactDecrypt, decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type CredentialName, CredentialsError, credentialsFile } from "../../../app/sessions/credentials.ts";
import { isInteger, isText, shaped } from "../../../src/evidence/shape.ts";
import { openJwe } from "../../../src/gateway/app-desk/jwe.ts";
import { KINDS } from "../state/databases.ts";
import { addCheckpoint, type Gateway, newGateway, problem } from "./gateway.ts";
import { type Office, openOffice } from "./office.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const SECRET = "s3cretive";
const FILE = `acme/shop:
  appdb: postgres://deploy:${SECRET}@db/shop
`;

const isCredential = shaped({ target: isText, issued_at: isInteger });

async function jweOf(response: Response): Promise<string> {
  expect(response.status).toBe(200);
  const { jwe } = (await response.json()) as { jwe: string };
  return jwe;
}

describe.each(KINDS)("a credential on %s", (kind) => {
  let office: Office;

  beforeAll(async () => {
    office = await openOffice(kind, { credentials: FILE });
  });
  afterAll(async () => {
    await office.close();
  });

  async function begun(): Promise<Gateway> {
    const gateway = await office.session();
    expect((await addCheckpoint(office.url, gateway.grow(1))).status).toBe(200);
    gateway.cosigned();
    return gateway;
  }

  const ask = async (gateway: Gateway, body = '{"target":"appdb"}', sid = gateway.sid): Promise<Response> =>
    await gateway.ask(office.second.origin, "POST", `/v1/sessions/${sid}/credentials`, body);

  it("is given to the session's key alone, once its first head is countersigned", async () => {
    const gateway = await office.session();
    expect(await problem(await ask(gateway))).toMatch(/^409 Nothing is countersigned/);
    expect((await addCheckpoint(office.url, gateway.grow(0))).status).toBe(200);
    expect(await problem(await ask(gateway))).toMatch(/^409 Nothing is countersigned/);
    expect((await addCheckpoint(office.url, gateway.grow(1))).status).toBe(200);
    const jwe = await jweOf(await ask(gateway));
    const opened = { url: `postgres://deploy:${SECRET}@db/shop` };
    expect(JSON.parse(openJwe(jwe, gateway.encryption.privateKey).toString())).toEqual(opened);
    const byJose = await compactDecrypt(jwe, gateway.encryption.privateKey);
    expect(JSON.parse(new TextDecoder().decode(byJose.plaintext))).toEqual(opened);
    expect(Object.keys(decodeProtectedHeader(jwe)).toSorted()).toEqual(["alg", "enc", "epk"]);
    expect(() => openJwe(jwe, generateKeyPairSync("x25519").privateKey)).toThrow("not for this session");
    const rows = await office.database.rows(
      "SELECT target, issued_at FROM credential WHERE sid = $1",
      [gateway.sid],
      isCredential,
    );
    expect(rows.map(({ target }) => target)).toEqual(["appdb"]);
    expect(rows[0]?.issued_at).toBeGreaterThan(Date.now() - 60_000);
  });

  it("is encrypted anew each time it is asked for", async () => {
    const gateway = await begun();
    const [one, other] = [await jweOf(await ask(gateway)), await jweOf(await ask(gateway))];
    expect(one).not.toBe(other);
  });

  it("is not for another session, another target, or a target that the session was registered without", async () => {
    const [gateway, other] = [await begun(), await begun()];
    expect(await problem(await ask(gateway, undefined, other.sid))).toMatch(/^403 Another session's/);
    expect(await problem(await ask(gateway, '{"target":"billing"}'))).toMatch(/^404 Another target/);
    expect(await problem(await ask(gateway, '{"target":"appdb","sid":"x"}'))).toMatch(/^400 No target/);
    expect(await problem(await ask(gateway, "{}"))).toMatch(/^400 No target/);
    expect(await problem(await ask(newGateway(), undefined, gateway.sid))).toMatch(/^401 /);
  });

  it("goes to no other repository that has taken the name it is kept under", async () => {
    const before = await begun();
    expect((await ask(before)).status).toBe(200);
    // As if the name had been another repository's then.
    await office.database.run("UPDATE session SET repository_id = 999 WHERE sid = $1", [before.sid]);
    expect(await problem(await ask(await begun()))).toMatch(/^403 The name was another repository's: .*999/);
    await office.database.run("DELETE FROM credential WHERE sid = $1", [before.sid]);
    expect((await ask(await begun())).status).toBe(200);
  });

  it("is not there for a target that the file does not have, and the registration says so", async () => {
    const gateway = newGateway();
    const { token } = await office.newJob();
    const response = await gateway.register(office.url, { token, change: { targets: ["billing"] } });
    expect(await response.json()).toMatchObject({ credentials: [] });
    expect((await addCheckpoint(office.url, gateway.grow(1))).status).toBe(200);
    const said = await problem(await ask(gateway, '{"target":"billing"}'));
    expect(said).toMatch(/^404 No credential: .*billing of acme\/shop/);
  });

  it.each(["contested", "handed-in", "lost", "landed"])("is given to no session that is %s", async (state) => {
    const gateway = await begun();
    await office.database.run("UPDATE session SET state = $2 WHERE sid = $1", [gateway.sid, state]);
    expect(await problem(await ask(gateway))).toMatch(/^403 Not open/);
    expect(
      await office.database.rows(
        "SELECT target, issued_at FROM credential WHERE sid = $1",
        [gateway.sid],
        isCredential,
      ),
    ).toEqual([]);
  });

  it("counts as it is in the file now, and a file that was broken since quotes nothing of itself", async () => {
    const gateway = await begun();
    try {
      writeFileSync(office.credentials, FILE.replace(SECRET, "r0tated"), { mode: 0o600 });
      const jwe = await jweOf(await ask(gateway));
      expect(openJwe(jwe, gateway.encryption.privateKey).toString()).toContain("r0tated");
      writeFileSync(office.credentials, `acme/shop:\n  appdb: "postgres://x:${SECRET}@db\n`);
      const response = await ask(gateway);
      expect(response.headers.get("retry-after")).toBe("30");
      expect(await problem(response)).toMatch(/^503 No credentials now: .*log/);
      const { token } = await office.newJob();
      expect((await newGateway().register(office.url, { token })).status).toBe(503);
      expect(office.second.logged.join("")).toMatch(/is not YAML, at line \d/);
    } finally {
      writeFileSync(office.credentials, FILE);
    }
  });

  it("is in no log, no metric, no row and no refusal", async () => {
    const gateway = await begun();
    await jweOf(await ask(gateway));
    const said = [await problem(await ask(gateway, '{"target":"billing"}'))];
    const metrics = await (await fetch(`${office.url}/metrics`)).text();
    const isWhole = shaped({ whole: isText });
    const rows = await office.database.rows(
      "SELECT coalesce(string_agg(session::text, ''), '') AS whole FROM session",
      [],
      isWhole,
    );
    const all = [...office.app.logged, ...office.second.logged, metrics, ...said, ...rows.map(({ whole }) => whole)];
    for (const secret of [SECRET, "r0tated"]) expect(all.join("\n")).not.toContain(secret);
    expect(metrics).toMatch(/countersign_credentials_issued_total/);
  });
});

describe("the file of credentials", () => {
  const folder = mkdtempSync(join(tmpdir(), "cs-credentials-"));
  const path = join(folder, "credentials.yml");
  const name: CredentialName = { repository: "acme/shop", repositoryId: 7, target: "appdb", environment: "" };

  beforeEach(() => {
    rmSync(path, { force: true });
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const write = (text: string, mode = 0o600): void => {
    writeFileSync(path, text, { mode });
    chmodSync(path, mode);
  };
  const urlOf = async (text: string, of: Partial<CredentialName> = {}, env = {}): Promise<string | undefined> => {
    write(text);
    return await credentialsFile(path, env).urlOf({ ...name, ...of });
  };
  const fault = (): string => {
    try {
      credentialsFile(path, {});
    } catch (error) {
      if (error instanceof CredentialsError) return error.message;
      throw error;
    }
    return "none";
  };

  it("gives what stands under the repository's name, or under its number, which comes first", async () => {
    expect(await urlOf("Acme/Shop:\n  appdb: pg://a\n")).toBe("pg://a");
    expect(await urlOf("7:\n  appdb: pg://b\nacme/shop:\n  appdb: pg://a\n")).toBe("pg://b");
    expect(await urlOf("8:\n  appdb: pg://b\n")).toBeUndefined();
    expect(await urlOf("acme/shop:\n  appdb: pg://a\n", { repository: "acme/shop2" })).toBeUndefined();
    expect(await urlOf("acme/shop:\n  appdb: pg://a\n", { target: "billing" })).toBeUndefined();
    expect(await urlOf("{}", { repository: "__proto__", target: "constructor" })).toBeUndefined();
  });

  it("gives a job's environment its own where it has one, and to no other", async () => {
    const text = "acme/shop:\n  appdb: pg://a\n  appdb@production: pg://p\n  billing@production: pg://q\n";
    expect(await urlOf(text, { environment: "production" })).toBe("pg://p");
    expect(await urlOf(text, { environment: "staging" })).toBe("pg://a");
    expect(await urlOf(text)).toBe("pg://a");
    expect(await urlOf(text, { target: "billing", environment: "production" })).toBe("pg://q");
    expect(await urlOf(text, { target: "billing", environment: "staging" })).toBeUndefined();
    expect(await urlOf(text, { target: "billing" })).toBeUndefined();
  });

  it("takes what stands in the App's environment, and nothing where that is empty or not there", async () => {
    const text = "acme/shop:\n  appdb: env:APPDB_URL\n";
    expect(await urlOf(text, {}, { APPDB_URL: "pg://e" })).toBe("pg://e");
    expect(await urlOf(text, {}, { APPDB_URL: "" })).toBeUndefined();
    expect(await urlOf(text)).toBeUndefined();
  });

  it.each([0o644, 0o640, 0o604, 0o660])("that others may read (%o) is refused, at start and later", async (mode) => {
    write(FILE, mode);
    expect(fault()).toMatch(/can be read by others.*chmod 600/);
    write(FILE);
    const source = credentialsFile(path, {});
    chmodSync(path, mode);
    await expect(source.urlOf(name)).rejects.toThrow(CredentialsError);
  });

  it.each([
    ["a quote that does not end", `acme/shop:\n  appdb: "pg://u:${SECRET}@h\n`],
    ["a tab", `acme/shop:\n\tappdb: pg://u:${SECRET}@h\n`],
    ["a secret that looks like an alias", `acme/shop:\n  appdb: *${SECRET}\n`],
    ["a key twice", `acme/shop:\n  appdb: a\n  appdb: ${SECRET}\n`],
    ["a list", `- ${SECRET}\n`],
    ["a bare text", `${SECRET}\n`],
    ["a target that is none", `acme/shop:\n  appdb: { url: ${SECRET} }\n`],
    ["a target that is a number", `acme/shop:\n  appdb: 5\n  other: ${SECRET}\n`],
    ["two documents", `a: {}\n---\n${SECRET}: {}\n`],
    ["a repository twice, in other letters", `acme/shop:\n  appdb: ${SECRET}\nACME/shop:\n  appdb: x\n`],
    ["no end", "x".repeat(1_048_577)],
  ])("with %s is refused, and the refusal quotes nothing of it", (_name, text) => {
    write(text);
    const said = fault();
    expect(said).toContain(path);
    expect(said).not.toContain(SECRET);
    expect(said).not.toContain("xxx");
  });

  it("that is not there is refused", () => {
    expect(fault()).toMatch(/cannot be read/);
  });
});
