/**
 * The GitHub OIDC token by which the App knows the job: asked of the runner, or read from a file where another CI or a test
 * provides one. The token is shown to nobody but the App, and to the App once.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isObject } from "../../evidence/shape.ts";
import { fromBase64url } from "../../tlog/base64.ts";
import { closeAgents, exchange, type HttpReply, NoReply, openAgents } from "./http-call.ts";

/** There is no token to be had. The message says what to change in the workflow. */
export class IdTokenError extends Error {
  override readonly name = "IdTokenError";
}

export interface IdToken {
  readonly token: string;
  /** `owner/name` as the token has it. The App verifies it; here it only says which log the session belongs to. */
  readonly repository: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Variables with which a token can be had. The job gets none of them: with a token it could speak for this session. */
export const ID_TOKEN_VARIABLES = [
  "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
  "ACTIONS_ID_TOKEN_REQUEST_URL",
  "COUNTERSIGN_ID_TOKEN_FILE",
] as const;

const TOKEN_CHARACTERS_MAX = 16_384;
const TRIES_MAX = 4;
const TRY_MS = 10_000;

/** A token whose audience is `audience`. Rejects with IdTokenError. */
export async function idToken(env: Env, audience: string): Promise<IdToken> {
  const file = env["COUNTERSIGN_ID_TOKEN_FILE"] ?? "";
  return read(file === "" ? await fromRunner(env, audience) : fromFile(file));
}

function fromFile(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new IdTokenError(`COUNTERSIGN_ID_TOKEN_FILE: ${path} cannot be read`, { cause });
  }
}

async function fromRunner(env: Env, audience: string): Promise<string> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url = "", ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer = "" } = env;
  if (url === "" || bearer === "") throw new IdTokenError(whyNone(env));
  let asked: URL;
  try {
    asked = new URL(url);
  } catch (cause) {
    throw new IdTokenError("ACTIONS_ID_TOKEN_REQUEST_URL is no URL; it is the runner's to set", { cause });
  }
  asked.searchParams.set("audience", audience);
  const reply = await ask(asked, bearer);
  if (reply.status !== 200)
    throw new IdTokenError(`the runner's token service answered ${reply.status}; run the job again`);
  const value: unknown = parsed(reply.text);
  const token = isObject(value) ? value["value"] : undefined;
  if (typeof token !== "string") throw new IdTokenError("the runner's token service answered no token");
  return token;
}

/** Why a job has no tokens to ask for, and what to do about it. */
function whyNone(env: Env): string {
  if (env["GITHUB_ACTIONS"] !== "true") {
    return (
      "this is no GitHub Actions runner, so there is nobody who vouches for this job to the App. Run without --app, " +
      "or put a GitHub OIDC token for the App into a file and name it in COUNTERSIGN_ID_TOKEN_FILE"
    );
  }
  if (isFork(env)) {
    return (
      "this run is one of a pull request from a fork, which GitHub gives no token, so it cannot reach what the App " +
      "guards. Run it on a branch of the repository itself"
    );
  }
  return (
    "this job may not ask GitHub for a token that says who it is. Add to the job: permissions: { id-token: write, " +
    "contents: read }. (Runs of Dependabot get none.)"
  );
}

/** The event that started the run is a pull request whose head is in another repository. */
function isFork(env: Env): boolean {
  let text: string;
  try {
    text = readFileSync(env["GITHUB_EVENT_PATH"] ?? "", "utf8");
  } catch {
    // Nothing is decided by this but which advice is given.
    return false;
  }
  const pull = member(parsed(text), "pull_request");
  const head = member(member(member(pull, "head"), "repo"), "full_name");
  const base = member(member(member(pull, "base"), "repo"), "full_name");
  return pull !== undefined && head !== base;
}

async function ask(url: URL, bearer: string): Promise<HttpReply> {
  const agents = openAgents();
  try {
    for (let tries = 1; ; tries += 1) {
      const reply = await once(url, bearer, agents);
      const isFinal = !(reply instanceof NoReply) && reply.status < 500 && reply.status !== 429;
      if (isFinal) return reply;
      if (tries === TRIES_MAX) {
        if (!(reply instanceof NoReply)) return reply;
        throw new IdTokenError(`the runner's token service does not answer (${reply.message}); run the job again`);
      }
      await sleep(200 * 2 ** tries);
    }
  } finally {
    closeAgents(agents);
  }
}

async function once(url: URL, bearer: string, agents: ReturnType<typeof openAgents>): Promise<HttpReply | NoReply> {
  try {
    const headers = { accept: "application/json", authorization: `Bearer ${bearer}` };
    return await exchange({ url, method: "GET", headers, body: "", agents, timeoutMs: TRY_MS, replyBytesMax: 65_536 });
  } catch (error) {
    if (error instanceof NoReply) return error;
    throw error;
  }
}

function read(token: string): IdToken {
  const [, payload = ""] = /^[\w-]+\.([\w-]+)\.[\w-]+$/.exec(token) ?? [];
  const claims = parsed(Buffer.from(fromBase64url(payload) ?? []).toString("utf8"));
  const repository = member(claims, "repository");
  if (token.length > TOKEN_CHARACTERS_MAX || typeof repository !== "string" || !/^[\w-]+\/[\w.-]+$/.test(repository)) {
    throw new IdTokenError("the token is no OIDC token of GitHub's: it names no repository");
  }
  return { token, repository };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function member(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}
