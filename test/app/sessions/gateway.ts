// A gateway as the App sees it: keys of its own, registrations that it signs, and a journal whose heads it has cosigned.

import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { signRequest } from "../../../src/evidence/message-signature.ts";
import { makeEncryptionKey } from "../../../src/gateway/app-desk/jwe.ts";
import { makeUlid } from "../../../src/gateway/ulid.ts";
import { checkpointText, noteSigner } from "../../../src/tlog/note.ts";
import { Frontier, leafHash } from "../../../src/tlog/tree.ts";
import { addCheckpointBody } from "../../../src/tlog/witness.ts";

export interface Registering {
  readonly token: string;
  /** What the registration says otherwise. */
  readonly change?: Readonly<Record<string, unknown>>;
  /** Another key signs the request than the one that it brings. */
  readonly signedBy?: KeyObject;
  /** What is left out of the request's headers. */
  readonly without?: string;
}

export interface Gateway {
  readonly sid: string;
  readonly origin: string;
  readonly vkey: string;
  readonly key: KeyObject;
  readonly encryption: ReturnType<typeof makeEncryptionKey>;
  register(at: string, how: Registering): Promise<Response>;
  /** A request that the session's key signs. */
  ask(at: string, method: string, target: string, body?: string): Promise<Response>;
  /** An add-checkpoint request for the journal with this many entries more. `name` of other entries makes a fork. */
  grow(count: number, name?: string): string;
  /** The newest head's note. */
  readonly note: () => string;
  /** Takes the newest head for cosigned: the next one extends it. */
  cosigned(): void;
}

export function newGateway({
  repository = "acme/shop",
  atMs = Date.now(),
}: {
  readonly repository?: string;
  readonly atMs?: number;
} = {}): Gateway {
  const sid = makeUlid(atMs, randomBytes(10));
  const { privateKey: key } = generateKeyPairSync("ed25519");
  const origin = `github.com/${repository}/countersign/s/${sid}`;
  const signer = noteSigner(origin, key);
  const encryption = makeEncryptionKey();
  const frontier = new Frontier();
  let note = "";
  const send = async (
    at: string,
    asked: { method: string; target: string; body: string },
    more: Partial<Registering>,
  ) => {
    const createdSeconds = Math.floor(Date.now() / 1000);
    const signed = signRequest(asked, { key: more.signedBy ?? key, keyId: sid, createdSeconds });
    const headers = Object.entries(signed).filter(([name]) => name !== more.without);
    const { method, target, body } = asked;
    return await fetch(`${at}${target}`, {
      method,
      headers: Object.fromEntries(headers),
      ...(method === "GET" ? {} : { body }),
    });
  };
  return {
    sid,
    origin,
    vkey: signer.verifier.vkey,
    key,
    encryption,
    async register(at, { token, change = {}, ...more }) {
      const body = JSON.stringify({
        sid,
        vkey: signer.verifier.vkey,
        encryption: encryption.publicKey,
        token,
        targets: ["appdb"],
        tier: "cooperative",
        version: "0.0.0-test",
        ...change,
      });
      return await send(at, { method: "POST", target: "/v1/sessions", body }, more);
    },
    ask: async (at, method, target, body = "") => await send(at, { method, target, body }, {}),
    grow(count, name = "entry") {
      for (let more = 0; more < count; more += 1) frontier.append(leafHash(`${name} ${frontier.size}`));
      const text = checkpointText({ origin, size: frontier.size, root: frontier.root() });
      note = `${text}\n${signer.sign(text)}`;
      return addCheckpointBody(frontier.baseSize, frontier.consistencyProof(), note);
    },
    note: () => note,
    cosigned: () => frontier.rebase(frontier.peaks()),
  };
}

/** Asks for a head to be cosigned. */
export async function addCheckpoint(at: string, body: string): Promise<Response> {
  return await fetch(`${at}/add-checkpoint`, { method: "POST", body, headers: { "content-type": "text/plain" } });
}

/** Status, title and detail of a refusal, in one text. */
export async function problem(response: Response): Promise<string> {
  const { title = "", detail = "" } = (await response.json()) as { title?: string; detail?: string };
  return `${response.status} ${title}: ${detail}`;
}
