// The App running on a port of its own against a town of the stand-in, with whatever parts a test gives it.

import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { type MakePart, type RunningApp, startApp } from "../../app/app.ts";
import type { AppIdentity, Config } from "../../app/config.ts";
import { openListener } from "../../app/http/listener.ts";
import { openLogs } from "../../app/log.ts";
import type { Database } from "../../app/state/database.ts";
import type { Town } from "../standin/town.ts";

export interface AppUnderTest {
  readonly app: RunningApp;
  /** As `http://127.0.0.1:40123`. */
  readonly origin: string;
  readonly key: KeyObject;
  /** Every line of its log so far. */
  readonly logged: readonly string[];
}

export interface UnderTestOptions {
  readonly town: Town;
  readonly database: Database;
  readonly parts?: readonly MakePart[];
  readonly key?: KeyObject;
  readonly clock?: () => number;
  readonly config?: Partial<Config>;
}

/** Starts the App, and has the town's webhooks sent to it. `stop` of the App closes the database too. */
export async function runApp(options: UnderTestOptions): Promise<AppUnderTest> {
  const { town, database } = options;
  const listener = await openListener("127.0.0.1", 0);
  const key = options.key ?? generateKeyPairSync("ed25519").privateKey;
  const logged: string[] = [];
  const secret = town.receiver.secret;
  const identity: AppIdentity = { id: town.app.id, privateKey: town.privateKey, webhookSecret: secret };
  town.app.hook = { url: `${listener.origin}/api/github/webhooks`, secret };
  const config: Config = {
    url: listener.origin,
    host: "127.0.0.1",
    port: 0,
    identity,
    folder: "",
    state: { kind: "folder", folder: "memory" },
    key: { kind: "given", key },
    github: { api: town.standin.origin, web: town.standin.origin, issuers: [town.standin.origin] },
    credentialsFile: undefined,
    sessionsPerHourMax: 500,
    webhookProxy: undefined,
    logLevel: "debug",
    proxies: 0,
    ...options.config,
  };
  const app = await startApp({
    config,
    identity,
    key,
    database,
    listener,
    logs: openLogs("debug", { write: (line) => void logged.push(line) }),
    parts: options.parts ?? [],
    clock: options.clock ?? Date.now,
    random: randomBytes,
    version: "0.0.0-test",
  });
  return { app, origin: listener.origin, key, logged };
}

/** What of the log holds something secret: the App's own secrets, and whatever looks like a token, a key or a signature. */
export function secretsIn(logged: readonly string[], town: Town): readonly string[] {
  const body = town.privateKey.replaceAll(/-----[^-]+-----|\s/g, "").slice(100, 140);
  const known = [town.receiver.secret, body];
  const looks = /gh[a-z]_[\w.-]{20}|eyJ[\w-]{10}|BEGIN [A-Z ]*KEY|sha256=[0-9a-f]{64}|sig=:|[?&]token=(?!\[)/;
  return logged.filter((line) => looks.test(line) || known.some((secret) => line.includes(secret)));
}
