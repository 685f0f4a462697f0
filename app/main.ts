/** `countersign app`: starts when nothing is wrong, sets up when there is no App yet, and ends when it is told to. */

import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import { type MakePart, type RunningApp, startApp, vkeyOf } from "./app.ts";
import {
  type Config,
  type ConfigResult,
  type Environment,
  readConfig,
  type StateSettings,
  stateFolder,
} from "./config.ts";
import { type Fault, messageOf, tellFaults } from "./fault.ts";
import { type Listener, openListener } from "./http/listener.ts";
import { openKey } from "./key.ts";
import { errorFields, type Logs, openLogs } from "./log.ts";
import { HELP, type Options, readOptions } from "./options.ts";
import { readBlueprint } from "./set-up/manifest.ts";
import { type CreatedApp, openSetUp } from "./set-up/set-up.ts";
import { readSettingsFile, writeSettingsFile } from "./set-up/settings-file.ts";
import { openSmee } from "./smee.ts";
import { holdToKey } from "./state/countersigner.ts";
import type { Database } from "./state/database.ts";
import { openState } from "./state/open.ts";

export interface AppIo {
  readonly env: Environment;
  readonly parts: readonly MakePart[];
  /** For a person; the log goes elsewhere. */
  out(line: string): void;
  err(line: string): void;
  readonly readFile: (path: string) => string;
  /** `app.yml`. */
  readonly blueprint: string;
  readonly clock: () => number;
  readonly random: (count: number) => Uint8Array;
  readonly version: string;
  /** Where the log is written; standard output unless said. */
  readonly logTo?: { write(line: string): void };
  /** Aborts when the App is to stop. */
  readonly stop: AbortSignal;
}

/** Runs the App until `stop`. Resolves to the exit code. */
export async function runApp(args: readonly string[], io: AppIo): Promise<number> {
  const options = readOptions(args);
  if (options === "help") {
    io.out(HELP);
    return 0;
  }
  if ("wrong" in options) {
    io.err(`countersign app: ${options.wrong}\n\n${HELP}`);
    return 2;
  }
  const begun = await begin(options, io);
  if ("faults" in begun) {
    io.err(tellFaults(begun.faults));
    return 1;
  }
  return await serve(begun, io);
}

/** Everything that is needed to run, opened. */
interface Ready {
  readonly config: Config;
  readonly key: KeyObject;
  readonly database: Database;
  readonly listener: Listener;
  readonly logs: Logs;
  readonly options: Options;
}

interface Faults {
  readonly faults: readonly Fault[];
}

/** Opens what is needed, or says all that is wrong at once and leaves nothing open. */
async function begin(options: Options, io: AppIo): Promise<Ready | Faults> {
  const { env, fault } = environment(options, io);
  const read = readConfig(env, io.readFile);
  const faults = [...(fault === undefined ? [] : [fault]), ...read.faults];
  const database = read.state === undefined ? undefined : await tryState(read.state, faults);
  const key = keyOf(read, faults, io);
  if (database !== undefined && key !== undefined && read.config !== undefined && read.config.url !== "") {
    const held = { vkey: vkeyOf(read.config.url, key), accepted: options.acceptKey, nowMs: io.clock() };
    const other = await holdToKey(database, held);
    if (other !== undefined) faults.push(other);
  }
  const config = faults.length === 0 ? read.config : undefined;
  const listener = config === undefined ? undefined : await tryListener(config, faults);
  if (config === undefined || key === undefined || database === undefined || listener === undefined) {
    await database?.close();
    return { faults };
  }
  const logs = openLogs(config.logLevel, io.logTo);
  return { config, key, database, listener, logs, options };
}

/** What the first run wrote, under what the operator says now. */
function environment({ smee }: Options, { env }: AppIo): { readonly env: Environment; readonly fault?: Fault } {
  const written = readSettingsFile(settingsPath(stateFolder(env)));
  const channel = smee === undefined ? {} : { WEBHOOK_PROXY_URL: smee };
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  if (isFault(written)) return { env: { ...given, ...channel }, fault: written };
  // Whoever names a file for a key means that file, whatever was written.
  const { PRIVATE_KEY: key, ...others } = written;
  const own = given["PRIVATE_KEY_PATH"] === undefined && key !== undefined ? { PRIVATE_KEY: key } : {};
  return { env: { ...others, ...own, ...given, ...channel } };
}

async function tryState(settings: StateSettings, faults: Fault[]): Promise<Database | undefined> {
  try {
    return await openState(settings);
  } catch (error) {
    const isServer = settings.kind === "postgres";
    faults.push({
      variable: isServer ? "DATABASE_URL" : "COUNTERSIGN_STATE_DIR",
      what: isServer
        ? `names a database that cannot be used (${withoutUrl(messageOf(error), settings.url)})`
        : `holds a state that cannot be opened (${messageOf(error)})`,
      todo: isServer
        ? "Look whether the server runs, whether it takes this user, and whether the database is there."
        : "Look whether another instance uses it, and whether this user may write it; a damaged one is restored from a backup.",
    });
    return undefined;
  }
}

function withoutUrl(message: string, url: string): string {
  const { password } = new URL(url);
  const said = message.replaceAll(url, "the URL");
  return password === "" ? said : said.replaceAll(password, "***").replaceAll(decodeURIComponent(password), "***");
}

// A key is made only for a state that can be used: a folder that is not there yet, or one that was opened.
function keyOf({ config }: ConfigResult, faults: Fault[], io: AppIo): KeyObject | undefined {
  if (config === undefined) return undefined;
  const key = openKey(config.key, Buffer.from(io.random(8)).toString("hex"));
  if (!isFault(key)) return key;
  faults.push(key);
  return undefined;
}

async function tryListener({ host, port }: Config, faults: Fault[]): Promise<Listener | undefined> {
  try {
    return await openListener(host, port);
  } catch (error) {
    const todo = "Give another port, or stop what listens there; HOST names an address of this machine.";
    faults.push({ variable: "PORT", what: `${port} on ${host} cannot be listened on (${messageOf(error)})`, todo });
    return undefined;
  }
}

async function serve(ready: Ready, io: AppIo): Promise<number> {
  const { listener, database, logs } = ready;
  let running: RunningApp | undefined;
  let channel: { close(): Promise<void> } | undefined;
  try {
    const set = ready.config.identity === undefined ? await setUp(ready, io) : ready.config;
    if (set === "stopped") return 0;
    if ("faults" in set) {
      io.err(tellFaults(set.faults));
      return 1;
    }
    const { identity } = set;
    if (identity === undefined) throw new TypeError("the App has an identity once it is set up");
    const { key } = ready;
    const { parts, clock, random, version } = io;
    running = await startApp({ config: set, identity, key, database, listener, logs, parts, clock, random, version });
    if (set.webhookProxy !== undefined) {
      channel = await openSmee({ source: set.webhookProxy, origin: listener.origin }, logs.log);
    }
    await aborted(io.stop);
    return 0;
  } catch (error) {
    logs.log.error(errorFields(error), "the App failed to start");
    io.err(`countersign app: it failed to start: ${messageOf(error)}`);
    return 1;
  } finally {
    await channel?.close();
    if (running === undefined) {
      await listener.stop(0);
      await database.close();
    } else await running.stop();
  }
}

/** Serves the set-up until the App is created, and gives the settings with it. */
async function setUp(
  { config, key, database, listener, logs, options }: Ready,
  io: AppIo,
): Promise<Config | Faults | "stopped"> {
  const path = settingsPath(config.folder);
  const { github, url, webhookProxy } = config;
  const { random, clock } = io;
  const { log } = logs;
  const setting = openSetUp({
    blueprint: readBlueprint(io.blueprint),
    github,
    url,
    webhookProxy,
    settingsPath: path,
    random,
    clock,
    log,
    keep: (created) => writeSettingsFile(path, variablesOf(created)),
  });
  listener.answerBy(setting.handle);
  io.err(`There is no App yet. Create it in a browser on this machine, or through a tunnel to it:\n
  ${listener.origin.replace(/\/\/(?:0\.0\.0\.0|\[::\])/, "//127.0.0.1")}${setting.path}\n
The link is good until the App is created. Its settings will be in ${path}.`);
  const created = await Promise.race([setting.created, aborted(io.stop)]);
  if (created === undefined) return "stopped";
  io.err(`Created ${created.name}. Its settings are in ${path}; keep a copy where you keep secrets.`);
  const read = readConfig({ ...io.env, ...variablesOf(created) }, io.readFile);
  if (read.config === undefined) return { faults: read.faults };
  const held = { vkey: vkeyOf(read.config.url, key), accepted: options.acceptKey, nowMs: clock() };
  const other = await holdToKey(database, held);
  return other === undefined ? { ...read.config, webhookProxy } : { faults: [other] };
}

function variablesOf(created: CreatedApp): Readonly<Record<string, string>> {
  return {
    APP_ID: String(created.id),
    PRIVATE_KEY: created.privateKey.trim(),
    WEBHOOK_SECRET: created.webhookSecret,
    COUNTERSIGN_URL: created.url,
  };
}

function settingsPath(folder: string): string {
  return join(folder, "app.env");
}

function isFault(value: object): value is Fault {
  return "variable" in value && "todo" in value && "what" in value;
}

async function aborted(signal: AbortSignal): Promise<undefined> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  return undefined;
}
