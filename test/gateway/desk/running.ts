/** A real countersigner in a folder of its own, with a real session registered, and what a test needs to speak to it. */
import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DeskClient, openDeskClient } from "../../../src/gateway/desk/client.ts";
import { type RunningCountersigner, startCountersigner } from "../../../src/gateway/desk/server.ts";
import { type NoteSigner, noteSigner } from "../../../src/tlog/note.ts";
import { SID } from "./sample.ts";

export const ORIGIN = `github.com/acme/shop/countersign/s/${SID}`;

export interface Place {
  readonly folder: string;
  readonly key: KeyObject;
  readonly session: NoteSigner;
  /** What `session` signs with. */
  readonly sessionKey: KeyObject;
  readonly log: string[];
  remove(): void;
}

export interface Running extends Place {
  readonly desk: RunningCountersigner;
  readonly client: DeskClient;
  readonly socketPath: string;
  stop(): Promise<void>;
}

export function newPlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), "countersign-desk-"));
  const sessionKey = generateKeyPairSync("ed25519").privateKey;
  return {
    folder,
    key: generateKeyPairSync("ed25519").privateKey,
    session: noteSigner(ORIGIN, sessionKey),
    sessionKey,
    log: [],
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Starts it in `place`, as often as a test likes: the state is the place's. */
export async function runIn(place: Place, clock: () => number = Date.now): Promise<Running> {
  const socketPath = join(place.folder, "desk.sock");
  const desk = await startCountersigner({
    key: place.key,
    stateDir: place.folder,
    socketPath,
    page: { port: 0 },
    person: "ines",
    clock,
    random: randomBytes,
    log: (line) => place.log.push(line),
  });
  const client = await openDeskClient({ socketPath, secret: desk.secret });
  return {
    ...place,
    desk,
    client,
    socketPath,
    async stop() {
      client.close();
      await desk.close();
    },
  };
}

export async function registered(place: Place = newPlace()): Promise<Running> {
  const running = await runIn(place);
  await running.client.register({ sid: SID, origin: ORIGIN, vkey: place.session.verifier.vkey });
  return running;
}

export interface Exchange {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One request to a port or a socket, with the very headers given: `fetch` would not let a test lie about Host. */
export async function exchange(
  where: { readonly port: number } | { readonly socketPath: string },
  { method = "GET", path, headers = {}, body }: Exchange,
): Promise<Reply> {
  return await new Promise<Reply>((resolve, reject) => {
    const sent = httpRequest({ ...where, host: "127.0.0.1", method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString("utf8"),
        }),
      );
    });
    sent.once("error", reject);
    sent.end(body);
  });
}
