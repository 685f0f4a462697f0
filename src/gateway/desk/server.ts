/**
 * The local countersigner: witness of session heads, page for people, signer of their answers. A process of its own
 * with its own key, so that what it signed is not the gateway's word about itself.
 *
 * Heads survive a restart; waiting requests do not, and end as refused at the gateway that asked.
 */
import type { KeyObject } from "node:crypto";
import { chmodSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { Server as SocketServer } from "node:net";
import { join } from "node:path";
import { dsseSigner } from "../../evidence/dsse.ts";
import { SaltPool } from "../../journal/disclosure.ts";
import { cosigner } from "../../tlog/note.ts";
import { Witness } from "../../tlog/witness.ts";
import { RequestBook } from "./book.ts";
import { openCustody } from "./custody.ts";
import { HTTP_LIMITS } from "./exchange.ts";
import { gatewayDoor } from "./gateway-door.ts";
import { headSocketPath } from "./head-door.ts";
import { headServer } from "./head-server.ts";
import { HeadFiles } from "./heads.ts";
import { pageDoor } from "./page-door.ts";
import { signEnding } from "./signed-answer.ts";

export interface CountersignerOptions {
  /** Ed25519 private key; see `openCountersignerKey`. */
  readonly key: KeyObject;
  /** Where heads are kept, in a folder `heads`. */
  readonly stateDir: string;
  /** Where the gateway finds it: a path in a directory that only this user can enter. */
  readonly socketPath: string;
  /** 0 for any free port. */
  readonly page: { readonly port: number };
  /** The name under which answers from page and terminal are recorded: this machine's user. */
  readonly person: string;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly random: (count: number) => Uint8Array;
  /** For the operator: one line, without any command's text. */
  readonly log: (line: string) => void;
}

export interface RunningCountersigner {
  /** The page's link, secret included: for the person's eyes, not for the job's environment. */
  readonly pageUrl: string;
  /** What a client on the socket must know. For the gateway only. */
  readonly secret: string;
  /** C2SP vkey of its cosignatures, type 0x04. Its raw key signs approval statements too. */
  readonly vkey: string;
  close(): Promise<void>;
}

/** The key's name in cosignatures; which machine it is, its key says. */
const KEY_NAME = "countersign.local";
// 256 bits: nobody guesses the link, and no page on another site finds it.
const SECRET_BYTES = 32;
// A gateway, a terminal and a few tabs; more is a leak or an attack.
const CONNECTIONS_MAX = 128;

/** Starts both doors. Rejects when the socket or the port cannot be had. */
export async function startCountersigner(options: CountersignerOptions): Promise<RunningCountersigner> {
  const { key, clock, random, log, person } = options;
  const own = cosigner(KEY_NAME, key);
  const { vkey } = own.verifier;
  const heads = new HeadFiles(join(options.stateDir, "heads"));
  const witness = new Witness(heads, own, (origin) => heads.keysOf(origin));
  const signer = dsseSigner(key);
  const salts = new SaltPool((bytes) => bytes.set(random(bytes.length)));
  const book = new RequestBook({ clock, sign: (ending) => signEnding(ending, { signer, salts }) });
  const secret = Buffer.from(random(SECRET_BYTES)).toString("base64url");
  const token = Buffer.from(random(SECRET_BYTES)).toString("base64url");

  const gateway = serve(
    gatewayDoor({ secret, book, heads, witness, custody: openCustody(key, heads, own), person, vkey, clock, log }),
  );
  // Kept open between two heads for as long as the gateway likes; closing it under a request would lose the request.
  gateway.keepAliveTimeout = 0;
  const headDoor = headServer({
    secret,
    answer: (body) => witness.addCheckpoint(body, Math.floor(clock() / 1000)),
    log,
  });
  const page = serve(pageDoor({ token, book, person, vkey, clock, random, log }));

  rmSync(options.socketPath, { force: true });
  await listening(gateway, () => gateway.listen(options.socketPath));
  chmodSync(options.socketPath, 0o600);
  const headPath = headSocketPath(options.socketPath);
  rmSync(headPath, { force: true });
  await listening(headDoor.server, () => headDoor.server.listen(headPath));
  chmodSync(headPath, 0o600);
  try {
    await listening(page, () => page.listen(options.page.port, "127.0.0.1"));
  } catch (error) {
    gateway.close();
    await headDoor.close();
    throw error;
  }
  const address = page.address();
  const port = typeof address === "object" && address !== null ? address.port : options.page.port;

  return {
    pageUrl: `http://127.0.0.1:${port}/${token}/`,
    secret,
    vkey,
    async close() {
      book.close();
      await Promise.all([closed(gateway), closed(page), headDoor.close()]);
      heads.close();
    },
  };
}

function serve(listener: RequestListener): Server {
  const server = createServer(HTTP_LIMITS, listener);
  server.maxConnections = CONNECTIONS_MAX;
  return server;
}

async function listening(server: SocketServer, listen: () => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      resolve();
    });
    listen();
  });
}

async function closed(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
