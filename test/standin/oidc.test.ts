import { createRemoteJWKSet, type JWTPayload, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { maybeText, shapeAt, textAt } from "./shape.ts";
import { startTown, type Town } from "./town.ts";
import type { Job } from "./world.ts";

const AUDIENCE = "https://countersign.example.com";

describe("the stand-in's issuer of jobs' tokens", () => {
  let town: Town;
  let job: Job;
  beforeAll(async () => {
    town = await startTown();
    job = town.standin.job(town.standin.run({ repository: town.shop, headSha: town.head, actor: town.people.ada }));
  });
  afterAll(async () => {
    await town.close();
  });
  const verified = async (token: string, audience = AUDIENCE): Promise<JWTPayload> => {
    const discovered: unknown = await (await fetch(`${town.standin.origin}/.well-known/openid-configuration`)).json();
    const configuration = shapeAt(discovered);
    const keys = createRemoteJWKSet(new URL(textAt(configuration, "jwks_uri")));
    const checks = { issuer: textAt(configuration, "issuer"), audience, algorithms: ["RS256"], maxTokenAge: 300 };
    return (await jwtVerify(token, keys, checks)).payload;
  };

  it("says of a job what GitHub says, all in text", async () => {
    const claims = await verified(town.standin.oidc.token(job, AUDIENCE));
    expect(claims).toMatchObject({
      repository: "acme/shop",
      repository_id: String(town.shop.id),
      repository_owner_id: String(town.acme.id),
      run_id: String(job.run.id),
      run_attempt: "1",
      check_run_id: String(job.checkRun.id),
      actor: "ada",
      sha: town.head,
      event_name: "push",
      ref: "refs/heads/main",
      workflow_ref: "acme/shop/.github/workflows/deploy.yml@refs/heads/main",
    });
    expect(claims.sub).toContain(`@${town.shop.id}:`);
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(300);
  });

  it("is not believed for another audience, another issuer's key, or another time", async () => {
    const { oidc } = town.standin;
    await expect(verified(oidc.token(job, "somebody else"))).rejects.toThrow('"aud"');
    await expect(verified(oidc.forged(job, AUDIENCE))).rejects.toThrow("signature verification failed");
    const old = Math.floor(Date.now() / 1000) - 600;
    await expect(verified(oidc.token(job, AUDIENCE, { iat: old, exp: old + 300 }))).rejects.toThrow('"exp"');
  });

  it("shows its new key with the old one", async () => {
    const before = town.standin.oidc.token(job, AUDIENCE);
    town.standin.oidc.rotate();
    const after = town.standin.oidc.token(job, AUDIENCE);
    expect(before.split(".")[0]).not.toBe(after.split(".")[0]);
    expect((await verified(before)).iss).toBe(town.standin.origin);
    expect((await verified(after)).iss).toBe(town.standin.origin);
  });

  it("gives any step of the job a token, and nobody else", async () => {
    const environment = town.standin.oidc.environment(job);
    const url = `${environment.ACTIONS_ID_TOKEN_REQUEST_URL}&audience=${encodeURIComponent(AUDIENCE)}`;
    const request = async (bearer: string): Promise<Response> =>
      await fetch(url, { headers: { authorization: `bearer ${bearer}` } });
    const answer: unknown = await (await request(environment.ACTIONS_ID_TOKEN_REQUEST_TOKEN)).json();
    const claims = await verified(maybeText(shapeAt(answer), "value") ?? "");
    expect(claims["check_run_id"]).toBe(String(job.checkRun.id));
    expect((await request("guess")).status).toBe(401);
  });
});
