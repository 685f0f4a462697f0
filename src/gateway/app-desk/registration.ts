/**
 * Registers a session with the App: who it is, as GitHub vouches for it, and under which policy it runs. What the App says
 * is held to what was asked before anything of it is believed.
 */
import { createHash, type KeyObject } from "node:crypto";
import { openRegistration } from "../../evidence/registration.ts";
import { fieldsOf, isText, listOf, shaped } from "../../evidence/shape.ts";
import { sessionOrigin } from "../../journal/session-log.ts";
import type { Registration } from "../../model/registration.ts";
import type { SessionId, Tier } from "../../model/session.ts";
import { NoteError, noteSigner, parseVkey, type Verifier } from "../../tlog/note.ts";
import { DeskError } from "../desk/call.ts";
import { logOriginOf } from "../identity.ts";
import { expectStatus, objectOf, openAppDoor } from "./door.ts";

/** What a session registers with. */
export interface RegisterParts {
  readonly url: string;
  /** The App's vkey, pinned; undefined to take the one that it answers over TLS. */
  readonly appKey: string | undefined;
  readonly sid: SessionId;
  readonly key: KeyObject;
  /** The log that the token's repository has. */
  readonly logOrigin: string;
  /** base64url of the raw X25519 public key. */
  readonly encryption: string;
  readonly token: string;
  readonly targets: readonly string[];
  readonly tier: Tier;
  readonly version: string;
}

export interface Registered {
  readonly registration: Registration;
  /** The App's key: what countersigns the session's heads and signs people's answers. C2SP vkey, type 0x04. */
  readonly vkey: string;
  readonly policy: { readonly path: string; readonly commit: string; readonly text: string };
  /** Targets whose credential the App has. */
  readonly credentials: readonly string[];
}

const WITHIN_MS = 60_000;
const TRY_MS = 20_000;

const ANSWER = {
  credentials: listOf(isText),
  policy: shaped({ commit: isText, path: isText, text: isText }),
  registration: isText,
  vkey: isText,
} as const;

/** Rejects with `DeskError` where the App refuses, cannot be reached, or answers what was not asked. */
export async function registerSession(parts: RegisterParts): Promise<Registered> {
  const { sid, key, encryption, token, targets, tier, version } = parts;
  const { vkey } = noteSigner(sessionOrigin(parts.logOrigin, sid), key).verifier;
  const door = openAppDoor(parts.url, { sid, key });
  try {
    const body = JSON.stringify({ sid, vkey, encryption, token, targets, tier, version });
    const reply = await door.call({ method: "POST", path: "/v1/sessions", body, tryMs: TRY_MS, withinMs: WITHIN_MS });
    const answer = fieldsOf(objectOf(expectStatus(reply, 200, 201)), ANSWER);
    if (answer === undefined) throw new DeskError(reply.status, "the App's answer to the registration cannot be read");
    const app = appKeyOf(answer.vkey, parts.appKey);
    const opened = openRegistration(answer.registration, app.publicKey);
    if (opened.kind === "bad") throw new DeskError(0, `the App's registration is not believed: ${opened.why}`);
    const { registration } = opened;
    const { policy, credentials } = answer;
    const others = differences(registration, { ...parts, vkey }, policy);
    if (others.length > 0) {
      throw new DeskError(0, `the App registered something else than this session: other ${others.join(", ")}`);
    }
    return { registration, vkey: app.vkey, policy, credentials };
  } finally {
    door.close();
  }
}

function appKeyOf(answered: string, pinned: string | undefined): Verifier {
  if (pinned !== undefined && answered !== pinned) {
    throw new DeskError(0, `the App's key is not the one of --app-key: it is ${answered.slice(0, 200)}`);
  }
  try {
    const verifier = parseVkey(answered);
    if (verifier.kind === "witness") return verifier;
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
  }
  throw new DeskError(0, "the App's key is no C2SP verifier key of type 0x04");
}

function differences(
  registration: Registration,
  asked: Pick<RegisterParts, "sid" | "encryption" | "targets" | "tier" | "logOrigin"> & { readonly vkey: string },
  policy: Registered["policy"],
): readonly string[] {
  const digest = `sha256:${createHash("sha256").update(policy.text, "utf8").digest("hex")}`;
  const held: readonly (readonly [string, boolean])[] = [
    ["session", registration.sid === asked.sid],
    ["key", registration.vkey === asked.vkey],
    ["encryption key", registration.encryption === asked.encryption],
    ["targets", JSON.stringify(registration.targets) === JSON.stringify(asked.targets)],
    ["tier", registration.tier === asked.tier],
    ["repository", logOriginOf(registration.identity) === asked.logOrigin],
    ["policy", registration.policy.digest === digest && registration.policy.path === policy.path],
    ["commit of the policy", registration.policy.commit === policy.commit],
  ];
  return held.flatMap(([what, same]) => (same ? [] : [what]));
}
