import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import { SignJWT, UnsecuredJWT } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Problem } from "../../../app/http/route.ts";
import { type JobTokens, openJobTokens } from "../../../app/sessions/job-token.ts";

const AUDIENCE = "https://countersign.example";
const rsa = (): KeyObject => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const [first, second, stranger] = [rsa(), rsa(), rsa()];

interface Issuer {
  readonly url: string;
  keys: readonly (readonly [string, KeyObject])[];
  /** Answers in place of the keys. */
  instead: RequestListener | undefined;
  asked: number;
  close(): Promise<void>;
}

async function openIssuer(): Promise<Issuer> {
  const server: Server = createServer((request, response) => {
    issuer.asked += 1;
    if (issuer.instead !== undefined) {
      issuer.instead(request, response);
      return;
    }
    const keys = issuer.keys.map(([kid, key]) => ({
      ...createPublicKey(key).export({ format: "jwk" }),
      kid,
      alg: "RS256",
      use: "sig",
    }));
    response.end(JSON.stringify({ keys }));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const issuer: Issuer = {
    url: `http://127.0.0.1:${address.port}`,
    keys: [["one", first]],
    instead: undefined,
    asked: 0,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
  return issuer;
}

let issuer: Issuer;
let tokens: JobTokens;

beforeAll(async () => {
  issuer = await openIssuer();
});
afterAll(async () => {
  await issuer.close();
});
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  issuer.keys = [["one", first]];
  issuer.instead = undefined;
  issuer.asked = 0;
  tokens = open();
});
afterEach(() => {
  vi.useRealTimers();
});

function open(issuers = [issuer.url]): JobTokens {
  return openJobTokens({ issuers, audience: AUDIENCE, clock: Date.now });
}

const seconds = (): number => Math.floor(Date.now() / 1000);

function claims(change: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    iss: issuer.url,
    aud: AUDIENCE,
    sub: "whatever:the repository chose",
    iat: seconds(),
    nbf: seconds() - 60,
    exp: seconds() + 300,
    repository: "acme/shop",
    repository_id: "7",
    run_id: "11",
    run_attempt: "2",
    check_run_id: "13",
    sha: "a".repeat(40),
    ref: "refs/heads/main",
    event_name: "push",
    actor: "ada",
    workflow_ref: "acme/shop/.github/workflows/deploy.yml@refs/heads/main",
    ...change,
  };
}

async function token(change: Readonly<Record<string, unknown>> = {}, key = first, kid = "one"): Promise<string> {
  return await new SignJWT(claims(change)).setProtectedHeader({ alg: "RS256", kid, typ: "JWT" }).sign(key);
}

/** Status, detail and retry-after of the refusal. */
async function refusal(text: string, by = tokens): Promise<string> {
  try {
    await by.verify(text);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (text.length > 30 && error.detail.includes(text.slice(0, 30)))
      throw new Error("the refusal quotes the token", { cause: error });
    return `${error.status} ${error.detail} ${error.retryAfter}`;
  }
  return "believed";
}

describe("a job's token", () => {
  it("says which attempt of which job asks", async () => {
    expect(await tokens.verify(await token({ environment: "production" }))).toEqual({
      repository: "acme/shop",
      repositoryId: 7,
      runId: 11,
      runAttempt: 2,
      checkRunId: 13,
      actor: "ada",
      commit: "a".repeat(40),
      ref: "refs/heads/main",
      event: "push",
      environment: "production",
      workflowRef: "acme/shop/.github/workflows/deploy.yml@refs/heads/main",
    });
  });

  it("is told by its numbers, whatever its `sub` says", async () => {
    const [one, other] = [await token({ sub: "repo:evil/shop:ref:refs/heads/main" }), await token({ sub: undefined })];
    expect(await tokens.verify(one)).toEqual(await tokens.verify(other));
  });

  it.each<readonly [string, Readonly<Record<string, unknown>>, string]>([
    ["another audience", { aud: "https://other.example" }, '"aud"'],
    ["no audience", { aud: undefined }, '"aud"'],
    ["an audience that only begins like ours", { aud: `${AUDIENCE}.evil` }, '"aud"'],
    ["an issuer that is not believed", { iss: "https://token.actions.example" }, "issuer"],
    ["no issuer", { iss: undefined }, "issuer"],
    ["an issuer with a slash more", { iss: "SLASH" }, "issuer"],
    ["an end that has passed", { iat: 1_000_000_000, exp: 1_000_000_300 }, ""],
    ["no end", { exp: undefined }, '"exp"'],
    ["no beginning", { iat: undefined }, '"iat"'],
    ["a beginning in the future", { iat: 9_000_000_000, exp: 9_000_000_300 }, '"iat"'],
    ["a time before which it is not good", { nbf: 9_000_000_000 }, '"nbf"'],
    ["no repository", { repository: undefined }, '"repository"'],
    ["a repository that is none", { repository: "acme/shop/x" }, '"repository"'],
    ["no repository's number", { repository_id: undefined }, '"repository_id"'],
    ["no run", { run_id: undefined }, '"run_id"'],
    ["no attempt", { run_attempt: undefined }, '"run_attempt"'],
    ["no job", { check_run_id: undefined }, '"check_run_id"'],
    ["no commit", { sha: undefined }, '"sha"'],
    ["a commit that is none", { sha: "main" }, '"sha"'],
    ["a repository's number in letters", { repository_id: "seven" }, '"repository_id"'],
    ["a number that is no text", { run_id: 11 }, '"run_id"'],
    ["a number with a sign", { run_attempt: "+2" }, '"run_attempt"'],
    ["a number with a zero before it", { check_run_id: "013" }, '"check_run_id"'],
    ["a number above 2^53", { run_id: "9007199254740993" }, '"run_id"'],
    ["zero for an attempt", { run_attempt: "0" }, '"run_attempt"'],
  ])("with %s is refused", async (_name, change, names) => {
    const changed = change["iss"] === "SLASH" ? { iss: `${issuer.url}/` } : change;
    const said = await refusal(await token(changed));
    expect(said).toMatch(/^401 /);
    expect(said).toContain(names);
  });

  it("is believed for five minutes and a minute for clocks, and no more than eleven whatever it says", async () => {
    const usual = await token();
    const long = await token({ exp: seconds() + 86_400 });
    vi.setSystemTime(Date.now() + 355_000);
    expect(await refusal(usual)).toBe("believed");
    vi.setSystemTime(Date.now() + 10_000);
    expect(await refusal(usual)).toMatch(/^401 .*expired/);
    expect(await refusal(long)).toBe("believed");
    vi.setSystemTime(Date.now() + 300_000);
    expect(await refusal(long)).toMatch(/^401 /);
  });

  it("that nobody signed is refused", async () => {
    expect(await refusal(new UnsecuredJWT(claims()).encode())).toMatch(/^401 /);
    const [, body = "", signature = ""] = (await token()).split(".");
    const none = Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url");
    expect(await refusal(`${none}.${body}.${signature}`)).toMatch(/^401 /);
    expect(await refusal(`${none}.${body}.`)).toMatch(/^401 /);
  });

  it("signed with the issuer's public key as a shared secret is refused", async () => {
    const pem = createPublicKey(first).export({ type: "spki", format: "pem" });
    const forged = await new SignJWT(claims()).setProtectedHeader({ alg: "HS256", kid: "one" }).sign(Buffer.from(pem));
    expect(await refusal(forged)).toMatch(/^401 /);
  });

  it("signed by another key under the issuer's key id is refused, and so is one of another key id", async () => {
    expect(await refusal(await token({}, stranger))).toMatch(/^401 .*signature/);
    expect(await refusal(await token({}, stranger, "other"))).toMatch(/^401 .*signature/);
    expect(await refusal(await token({}, first, "other"))).toMatch(/^401 .*signature/);
  });

  it("of another algorithm of the same key is refused", async () => {
    const other = await new SignJWT(claims()).setProtectedHeader({ alg: "RS512", kid: "one" }).sign(first);
    expect(await refusal(other)).toMatch(/^401 /);
  });

  it.each(["", "a", "a.b.c", "e30.e30.", "💣.💣.💣", randomBytes(64).toString("base64url")])(
    "that is none (%j) is refused",
    async (text) => {
      await expect(tokens.verify(text)).rejects.toMatchObject({ status: 401 });
    },
  );

  it("with one byte changed is refused, wherever that is", async () => {
    const good = await token();
    for (let at = 0; at < good.length; at += 37) {
      const changed = `${good.slice(0, at)}${good[at] === "A" ? "B" : "A"}${good.slice(at + 1)}`;
      await expect(tokens.verify(changed)).rejects.toMatchObject({ status: 401 });
    }
  });
});

describe("the keys of the issuer", () => {
  it("are fetched once for many tokens", async () => {
    const texts = await Promise.all(Array.from({ length: 20 }, async () => await token()));
    await Promise.all(texts.map(async (text) => await tokens.verify(text)));
    expect(issuer.asked).toBe(1);
  });

  it("that came since are believed at once when the last fetch is thirty seconds ago", async () => {
    await tokens.verify(await token());
    issuer.keys = [
      ["one", first],
      ["two", second],
    ];
    expect(await refusal(await token({}, second, "two"))).toMatch(/^401 /);
    vi.setSystemTime(Date.now() + 30_001);
    expect(await refusal(await token({}, second, "two"))).toBe("believed");
    expect(await refusal(await token())).toBe("believed");
    expect(issuer.asked).toBe(2);
  });

  it("are not fetched for everybody who makes up a key id", async () => {
    await tokens.verify(await token());
    for (let tries = 0; tries < 10; tries += 1) {
      expect(await refusal(await token({}, stranger, `made-up-${tries}`))).toMatch(/^401 /);
    }
    expect(issuer.asked).toBe(1);
  });

  it("that were taken back are believed for ten minutes at most", async () => {
    await tokens.verify(await token());
    issuer.keys = [["two", second]];
    vi.setSystemTime(Date.now() + 600_001);
    expect(await refusal(await token())).toMatch(/^401 /);
  });

  it.each<readonly [string, RequestListener]>([
    ["an error", (_request, response) => response.writeHead(500).end()],
    ["no JSON", (_request, response) => response.end("<html>")],
    ["JSON that is no keys", (_request, response) => response.end('{"keys":7}')],
    ["a redirect", (_request, response) => response.writeHead(302, { location: "/elsewhere" }).end()],
    ["a connection that ends", (request) => request.socket.destroy()],
    ["more than keys have", (_request, response) => response.end(JSON.stringify({ keys: [], x: "x".repeat(300_000) }))],
    [
      "an answer without end",
      (_request, response) => {
        const more = (): void => {
          if (!response.destroyed && response.write("x".repeat(65_536))) setImmediate(more);
          else response.once("drain", more);
        };
        more();
      },
    ],
  ])("that cannot be had because of %s are asked for again, and the token is not blamed", async (_name, instead) => {
    issuer.instead = instead;
    expect(await refusal(await token())).toMatch(/^503 .* 5$/);
    issuer.instead = undefined;
    expect(await refusal(await token())).toBe("believed");
  });

  it("are given up after five seconds of silence", async () => {
    issuer.instead = () => undefined;
    const startedMs = performance.now();
    expect(await refusal(await token())).toMatch(/^503 .* 5$/);
    expect(performance.now() - startedMs).toBeGreaterThan(4_500);
  }, 30_000);

  it("are no other issuer's keys", async () => {
    const other = await openIssuer();
    try {
      other.keys = [["two", second]];
      const both = open([issuer.url, other.url]);
      expect(await refusal(await token(), both)).toBe("believed");
      expect(await refusal(await token({ iss: other.url }, second, "two"), both)).toBe("believed");
      expect(await refusal(await token({ iss: other.url }), both)).toMatch(/^401 /);
      expect(await refusal(await token({}, second, "two"), both)).toMatch(/^401 /);
      await other.close();
      const later = open([issuer.url, other.url]);
      expect(await refusal(await token({ iss: other.url }, second, "two"), later)).toMatch(/^503 /);
      expect(await refusal(await token(), later)).toBe("believed");
    } finally {
      await other.close();
    }
  });
});
