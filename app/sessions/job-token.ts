/** Reads a job's OpenID Connect token: which attempt of which job asks, as GitHub vouches for it. reference: GitHub's OIDC claims. */

import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from "jose";
import { isText } from "../../src/evidence/shape.ts";
import { Problem } from "../http/route.ts";

/** Who asks. Ids are GitHub's numbers; names are for eyes. `sub` is never read: its form is the repository's to choose. */
export interface JobClaims {
  readonly repository: string;
  readonly repositoryId: number;
  readonly runId: number;
  readonly runAttempt: number;
  readonly checkRunId: number;
  readonly actor: string;
  readonly commit: string;
  readonly ref: string;
  readonly event: string;
  readonly environment: string;
  readonly workflowRef: string;
}

export interface JobTokens {
  /** The claims of a good token. Throws Problem: 401 for a bad one, 503 when its issuer cannot be asked. */
  verify(token: string): Promise<JobClaims>;
}

export interface JobTokenOptions {
  /** Whose tokens are believed, word for word as `iss`. */
  readonly issuers: readonly string[];
  /** The App's URL. */
  readonly audience: string;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

/** GitHub's last five minutes; a minute on each side is for clocks. */
const AGE_SECONDS_MAX = 600;
const SKEW_SECONDS = 60;
const FETCH_MS_MAX = 5_000;
/** A key that is not known has the keys fetched again, but not by everybody who makes one up. */
const COOL_DOWN_MS = 30_000;
const KEYS_BYTES_MAX = 256 * 1024;

const REQUIRED = ["exp", "iat", "repository", "repository_id", "run_id", "run_attempt", "check_run_id", "sha"];

export function openJobTokens({ issuers, audience, clock }: JobTokenOptions): JobTokens {
  const keys = new Map<string, JWTVerifyGetKey>(issuers.map((issuer) => [issuer, keysOf(issuer)]));
  return {
    async verify(token) {
      const issuer = issuerIn(token);
      const known = issuer === undefined ? undefined : keys.get(issuer);
      if (issuer === undefined || known === undefined) {
        throw refused("its issuer is not one that this App believes (COUNTERSIGN_OIDC_ISSUERS)");
      }
      let payload: JWTPayload;
      try {
        ({ payload } = await jwtVerify(token, known, {
          issuer,
          audience,
          algorithms: ["RS256"],
          requiredClaims: REQUIRED,
          maxTokenAge: AGE_SECONDS_MAX,
          clockTolerance: SKEW_SECONDS,
          currentDate: new Date(clock()),
        }));
      } catch (error) {
        throw problemOf(error);
      }
      // A token that is good elsewhere too can have come from there.
      if (payload.aud !== audience) throw refused("it is for others than this App as well");
      return claimsOf(payload);
    },
  };
}

function keysOf(issuer: string): JWTVerifyGetKey {
  return createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks`), {
    timeoutDuration: FETCH_MS_MAX,
    cooldownDuration: COOL_DOWN_MS,
    [customFetch]: bounded,
  });
}

/** As `fetch`, without redirects to elsewhere and without an answer that never ends. */
async function bounded(url: string, options: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...options, redirect: "error" });
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = response.body?.getReader();
  for (;;) {
    const part = await reader?.read();
    if (part?.value === undefined) break;
    size += part.value.length;
    if (size > KEYS_BYTES_MAX) throw new TypeError("the issuer's keys have no end");
    parts.push(part.value);
  }
  return new Response(Buffer.concat(parts), { status: response.status });
}

function issuerIn(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

function problemOf(error: unknown): unknown {
  if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError)) {
    return new Problem(
      503,
      "The issuer cannot be asked",
      "The keys of the token's issuer cannot be had now; try again.",
      {
        retryAfter: 5,
        cause: error,
      },
    );
  }
  if (error instanceof errors.JWTExpired) return refused("it has expired: ask for a new one");
  if (error instanceof errors.JWTClaimValidationFailed) return refused(`its claim "${error.claim}" is ${error.reason}`);
  // What it answered is no set of keys: that is its fault, and not the token's.
  if (error.code === "ERR_JOSE_GENERIC" || error instanceof errors.JWKSInvalid) {
    return new Problem(503, "The issuer cannot be asked", "The issuer of the token gave no keys; try again.", {
      retryAfter: 5,
      cause: error,
    });
  }
  return refused("its signature is not its issuer's");
}

function claimsOf(payload: JWTPayload): JobClaims {
  const text = (name: string): string => {
    const value = payload[name];
    return isText(value) ? value : "";
  };
  const number = (name: string): number => {
    const value = Number(/^[1-9][0-9]{0,15}$/.test(text(name)) ? text(name) : Number.NaN);
    if (!Number.isSafeInteger(value)) throw refused(`its claim "${name}" is no number`);
    return value;
  };
  if (!/^[\w.-]+\/[\w.-]+$/.test(text("repository"))) throw refused('its claim "repository" is no repository');
  // It goes into the evidence as what ran.
  if (!/^[0-9a-f]{40,64}$/.test(text("sha"))) throw refused('its claim "sha" is no commit');
  return {
    repository: text("repository"),
    repositoryId: number("repository_id"),
    runId: number("run_id"),
    runAttempt: number("run_attempt"),
    checkRunId: number("check_run_id"),
    actor: text("actor"),
    commit: text("sha"),
    ref: text("ref"),
    event: text("event_name"),
    environment: text("environment"),
    workflowRef: text("workflow_ref"),
  };
}

function refused(why: string): Problem {
  return new Problem(401, "The token is not good", `The job's token is not believed: ${why}.`);
}
