// GitHub Actions' issuer of OpenID Connect tokens: its discovery document, its keys, and tokens with the claims jobs get.

import { generateKeyPairSync, type KeyObject, randomBytes, randomUUID, sign } from "node:crypto";
import { fullName } from "./render/repository.ts";
import type { Shape } from "./shape.ts";
import type { Job, World } from "./world.ts";

/** A token is good for five minutes. */
const TOKEN_SECONDS = 300;

export interface OidcIssuer {
  /** What `iss` says. */
  readonly issuer: string;
  /** The answer to a path of the issuer's, if it is one. */
  answer(path: string): Shape | undefined;
  /** A token as the job would get it. `claims` replace what would be there; a claim that is undefined is left out. */
  token(job: Job, audience: string, claims?: Shape): string;
  /** A token that another issuer's key signed under this one's name. */
  forged(job: Job, audience: string): string;
  /** The variables with which a step of the job asks for tokens itself. */
  environment(job: Job): {
    readonly ACTIONS_ID_TOKEN_REQUEST_URL: string;
    readonly ACTIONS_ID_TOKEN_REQUEST_TOKEN: string;
  };
  /** Answers a step that asks; undefined when what it carries is no request token. */
  exchange(bearer: string | undefined, audience: string | null): Shape | undefined;
  /** Signs with a new key from now on, and shows both. */
  rotate(): void;
}

interface Key {
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly shown: Shape;
}

export function createOidc(world: World): OidcIssuer {
  const issuer = world.origin;
  const keys = [newKey()];
  const requests = new Map<string, Job>();
  const mint = (job: Job, audience: string, claims: Shape, key = keys.at(-1)): string => {
    if (key === undefined) throw new TypeError("the issuer has no key");
    const now = Math.floor(world.now() / 1000);
    const times = { iat: now, nbf: now - 600, exp: now + TOKEN_SECONDS };
    const body = { ...claimsOf(job), iss: issuer, aud: audience, jti: randomUUID(), ...times, ...claims };
    const header = { typ: "JWT", alg: "RS256", kid: key.id, x5t: key.id };
    const text = [header, body].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    return `${text}.${sign("sha256", Buffer.from(text), key.privateKey).toString("base64url")}`;
  };
  return {
    issuer,
    answer(path) {
      if (path === "/.well-known/jwks") return { keys: keys.map((each) => each.shown) };
      if (path !== "/.well-known/openid-configuration") return undefined;
      return {
        issuer,
        jwks_uri: `${issuer}/.well-known/jwks`,
        subject_types_supported: ["public", "pairwise"],
        response_types_supported: ["id_token"],
        claims_supported: ["sub", "aud", "exp", "iat", "iss", "jti", "nbf", "repository_id", "run_id", "check_run_id"],
        id_token_signing_alg_values_supported: ["RS256"],
        scopes_supported: ["openid"],
      };
    },
    token: (job, audience, claims = {}) => mint(job, audience, claims),
    forged: (job, audience) => mint(job, audience, {}, { ...newKey(), id: keys[0]?.id ?? "" }),
    environment(job) {
      const bearer = randomBytes(32).toString("base64url");
      requests.set(bearer, job);
      return {
        ACTIONS_ID_TOKEN_REQUEST_URL: `${issuer}/_services/pipelines/idtoken?api-version=2.0`,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer,
      };
    },
    exchange(bearer, audience) {
      const job = requests.get(bearer ?? "");
      if (job === undefined) return undefined;
      const usual = `${world.origin}/${job.run.repository.owner.login}`;
      return { count: 0, value: mint(job, audience ?? usual, {}) };
    },
    rotate() {
      keys.push(newKey());
    },
  };
}

function newKey(): Key {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const id = randomUUID();
  return {
    id,
    privateKey,
    shown: { ...publicKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: id, x5t: id },
  };
}

// Everything in a token is text, numbers too. `actor` is who began the run; who ran it again is no claim.
function claimsOf(job: Job): Shape {
  const { run } = job;
  const { repository } = run;
  const name = fullName(repository);
  const ref = `refs/heads/${run.headBranch}`;
  const workflow = `${name}/${run.path}@${ref}`;
  return {
    sub: `repo:${repository.owner.login}@${repository.owner.id}/${repository.name}@${repository.id}:ref:${ref}`,
    repository: name,
    repository_id: String(repository.id),
    repository_owner: repository.owner.login,
    repository_owner_id: String(repository.owner.id),
    repository_visibility: repository.isPrivate ? "private" : "public",
    actor: run.actor.login,
    actor_id: String(run.actor.id),
    ref,
    ref_type: "branch",
    ref_protected: "false",
    sha: run.headSha,
    head_ref: "",
    base_ref: "",
    event_name: run.event,
    workflow: run.name,
    workflow_ref: workflow,
    workflow_sha: run.headSha,
    job_workflow_ref: workflow,
    job_workflow_sha: run.headSha,
    run_id: String(run.id),
    run_number: String(run.number),
    run_attempt: String(job.attempt),
    check_run_id: String(job.checkRun.id),
    runner_environment: "github-hosted",
  };
}
