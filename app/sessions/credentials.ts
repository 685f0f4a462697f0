/** Targets' credentials that live with the App alone, and go to one session's key when its head is countersigned. */

import { createPublicKey } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { CompactEncrypt } from "jose";
import { parse, YAMLParseError } from "yaml";
import { isInteger, isObject, isText, shaped } from "../../src/evidence/shape.ts";
import type { Context } from "../context.ts";
import { type Exchange, json, jsonObject, Problem, type Reply } from "../http/route.ts";
import type { Sql } from "../state/database.ts";
import type { SessionRow } from "./session.ts";

/** Which credential is meant. */
export interface CredentialName {
  /** `owner/name` as the job's token has it. */
  readonly repository: string;
  readonly repositoryId: number;
  readonly target: string;
  /** The job's GitHub environment; empty where it has none. */
  readonly environment: string;
}

/** Where credentials are kept: a file here; a vault is another of these. */
export interface CredentialSource {
  /** The target's URL with its secret, or undefined where there is none for this repository, target and environment. */
  urlOf(name: CredentialName): Promise<string | undefined>;
}

/** The file cannot be used. The message holds nothing of what is in it. */
export class CredentialsError extends Error {
  override readonly name = "CredentialsError";
}

/** A source with nothing in it. */
export const NO_CREDENTIALS: CredentialSource = { urlOf: async () => await Promise.resolve(undefined) };

const FILE_BYTES_MAX = 1024 * 1024;

/**
 * A YAML file for its owner's eyes alone (0600), read at every question, so that a rotated secret counts at once:
 *
 *   acme/shop:                      # or the repository's number
 *     appdb: postgres://deploy:secret@db/shop
 *     appdb@production: env:APPDB_PRODUCTION_URL     # for jobs of that environment; its own wins
 */
export function credentialsFile(path: string, env: Readonly<Record<string, string | undefined>>): CredentialSource {
  readEntries(path);
  return {
    async urlOf({ repository, repositoryId, target, environment }) {
      const entries = readEntries(path);
      const own = entries.get(String(repositoryId)) ?? entries.get(repository.toLowerCase());
      const named = environment === "" ? undefined : own?.get(`${target}@${environment}`);
      const value = named ?? own?.get(target);
      const url = value?.startsWith("env:") === true ? env[value.slice("env:".length)] : value;
      return await Promise.resolve(url === "" ? undefined : url);
    },
  };
}

function readEntries(path: string): ReadonlyMap<string, ReadonlyMap<string, string>> {
  let text: string;
  try {
    const { mode, size } = statSync(path);
    if ((mode & 0o077) !== 0)
      throw new CredentialsError(`${path} can be read by others than its owner: chmod 600 ${path}`);
    if (size > FILE_BYTES_MAX) throw new CredentialsError(`${path} is larger than credentials are`);
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof CredentialsError) throw cause;
    throw new CredentialsError(`${path} cannot be read`, { cause });
  }
  let value: unknown;
  try {
    value = parse(text, { logLevel: "error" });
  } catch (error) {
    // Its own message quotes the line, or the name of an alias; either may be a secret.
    const line = error instanceof YAMLParseError ? error.linePos?.[0].line : undefined;
    throw new CredentialsError(`${path} is not YAML${line === undefined ? "" : `, at line ${line}`}`);
  }
  if (!isObject(value)) throw new CredentialsError(`${path} must be repositories, each with its targets`);
  const names = new Set<string>();
  return new Map(
    Object.entries(value).map(([repository, targets]) => {
      if (!isObject(targets) || !Object.values(targets).every(isText)) {
        throw new CredentialsError(`${path}: under ${repository} must be targets, each with a URL or env:NAME`);
      }
      // Which of two would count, nobody could tell.
      if (names.has(repository.toLowerCase())) throw new CredentialsError(`${path}: ${repository} is there twice`);
      names.add(repository.toLowerCase());
      const entries = Object.entries(targets).flatMap(([name, url]) => (isText(url) ? [[name, url] as const] : []));
      return [repository.toLowerCase(), new Map(entries)];
    }),
  );
}

const isHead = shaped({ size: isInteger });

/** Answers `POST /v1/sessions/<sid>/credentials`. Throws Problem. */
export async function issue(
  { context, source }: { readonly context: Context; readonly source: CredentialSource },
  exchange: Exchange,
  session: SessionRow,
): Promise<Reply> {
  const { target, ...rest } = jsonObject(exchange.body);
  if (!isText(target) || Object.keys(rest).length > 0) {
    throw new Problem(400, "No target", 'The body is {"target": "<name>"}, and nothing else.');
  }
  if (!session.facts.targets.includes(target)) {
    throw new Problem(404, "Another target", "The session was registered without this target.");
  }
  const name = {
    repository: session.repository,
    repositoryId: session.repository_id,
    target,
    environment: session.facts.identity.environment,
  };
  const url = await urlFrom(context, source, name);
  if (url === undefined) {
    throw new Problem(404, "No credential", `The App has no credential for ${target} of ${session.repository}.`);
  }
  // Kept under the number it is this repository's whatever it is called; kept under a name it may be the name's last owner's.
  const isByName = (await urlFrom(context, source, { ...name, repository: "" })) === undefined;
  const atMs = context.clock();
  await context.database.transaction(async (sql) => {
    const other = isByName ? await otherOfThatName(sql, session) : undefined;
    if (other !== undefined) {
      throw new Problem(
        403,
        "The name was another repository's",
        `${session.repository} was repository ${other} when its credentials were given before. If this is right, keep them under the number ${session.repository_id}.`,
      );
    }
    // Held against whoever ends the session: what is ended gets nothing any more.
    const [open] = await sql.rows(
      `SELECT head.size FROM session JOIN head ON head.origin = session.origin
       WHERE session.sid = $1 AND session.state = 'open' FOR UPDATE OF session`,
      [session.sid],
      isHead,
    );
    if (open === undefined) throw new Problem(403, "Not open", "The session is over; it gets no credential.");
    if (open.size < 1) {
      throw new Problem(
        409,
        "Nothing is countersigned",
        "Have the session's first head countersigned, then ask again.",
      );
    }
    await sql.run("INSERT INTO credential (sid, target, issued_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", [
      session.sid,
      target,
      atMs,
    ]);
  });
  context.metrics.count("countersign_credentials_issued_total");
  context.log.info({ sid: session.sid, target }, "a credential is issued");
  return json(200, { jwe: await encrypted({ url }, session.encryption) });
}

const isNumbered = shaped({ repository_id: isInteger });

/** The number of another repository that had this name when a credential was given to it. */
async function otherOfThatName(sql: Sql, session: SessionRow): Promise<number | undefined> {
  const [other] = await sql.rows(
    `SELECT session.repository_id FROM credential JOIN session ON session.sid = credential.sid
     WHERE lower(session.repository) = lower($1) AND session.repository_id <> $2 LIMIT 1`,
    [session.repository, session.repository_id],
    isNumbered,
  );
  return other?.repository_id;
}

/** The source's answer. Throws Problem (503), which says nothing of the file, where it cannot be asked: an operator mends it. */
export async function urlFrom(
  { log }: Pick<Context, "log">,
  source: CredentialSource,
  name: CredentialName,
): Promise<string | undefined> {
  try {
    return await source.urlOf(name);
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error;
    log.error({ fault: error.message }, "credentials cannot be had");
    throw new Problem(
      503,
      "No credentials now",
      "The App's credentials cannot be read; its operator is told in its log.",
      {
        retryAfter: 30,
        cause: error,
      },
    );
  }
}

async function encrypted(value: object, x: string): Promise<string> {
  const key = createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" });
  return await new CompactEncrypt(Buffer.from(JSON.stringify(value)))
    .setProtectedHeader({ alg: "ECDH-ES", enc: "A256GCM" })
    .encrypt(key);
}
