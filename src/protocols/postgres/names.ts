import { hash } from "node:crypto";
import type { Deed, Reading, SqlReader, SqlSession } from "../../languages/sql/reading.ts";
import type { Pending, Portal, Prepared } from "./inflight.ts";
import { asOf, DOUBTFUL, FOLLOWED, NOT_UTF8, UNKNOWN, usesNames } from "./readings.ts";

// What one connection's names stand for: statements, portals, cursors. A statement exists when the server said so.

/** Statement and portal names remembered per connection; beyond it the oldest is forgotten and reads as unknown. */
const NAMES_MAX = 10_000;

/** The server keeps names in NAMEDATALEN (64) bytes with a NUL: what is behind 63 of them does not count. */
const NAME_BYTES_MAX = 63;

type Cursor = Extract<Deed, { readonly kind: "declare" }>;

/** A Parse or Close of a statement that the server has not answered. */
type Naming = Extract<Pending, { readonly kind: "parse" | "close" }>;

/**
 * Names of the wire come as bytes (Latin-1), names of SQL as text. Only ASCII is the same in both, whatever encoding the
 * database has and however it folds case and cuts characters: a name with anything else in it is never known.
 */
export class Names implements SqlSession {
  readonly #reader: SqlReader;
  readonly #statements = new Map<string, Prepared>();
  readonly #portals = new Map<string, Portal>();
  readonly #cursors = new Map<string, Cursor>();
  /** The newest unanswered Parse or Close of each name. */
  readonly #naming = new Map<string, Naming>();
  #following = false;
  pathTrusted = true;
  /** `search_path` may be another than the log-in's. */
  pathSet = false;
  /** Of the server, as it said itself; 0 until then. */
  serverMajor = 0;
  /** Counts what was done to statements and cursors, or may have been, by wire and by SQL. */
  version = 0;
  /** Counts the commands that ran code which was not read through: it may have prepared and deallocated by itself. */
  doubts = 0;

  constructor(reader: SqlReader) {
    this.#reader = reader;
  }

  prepared(name: string): Reading | undefined {
    const prepared = this.#statements.get(keyOf(name));
    if (prepared === undefined) return undefined;
    return this.isSure(prepared) ? this.#follow(() => this.readingOf(prepared)) : DOUBTFUL;
  }

  /** No code ran since that may have put another statement under the name. */
  isSure({ doubts }: Prepared): boolean {
    return doubts === this.doubts;
  }

  /** Code that was not read through is about to run. Cursors cannot be given again, so they are forgotten. */
  doubt(): void {
    this.doubts += 1;
    this.version += 1;
    this.#cursors.clear();
  }

  cursor(name: string): Reading | undefined {
    const key = keyOf(name);
    // A portal of the wire whose name is not ASCII may be another one than SQL means.
    if (!isAscii(key)) return undefined;
    const portal = this.#portals.get(key);
    return portal === undefined ? this.#cursors.get(key)?.body : this.#follow(() => this.#portalReading(portal));
  }

  /**
   * A name is followed once. A Parse may bring `EXECUTE x` under the name x: to follow that further would end only where
   * the stack does, and the reading would hang on how deep that was.
   */
  #follow(read: () => Reading): Reading {
    if (this.#following) return FOLLOWED;
    this.#following = true;
    try {
      return read();
    } finally {
      this.#following = false;
    }
  }

  /** What running the portal now would do: EXECUTE in one finds its statement only then. */
  #portalReading({ active, prepared }: Portal): Reading {
    if (!usesNames(active.reading)) return active.reading;
    // A portal of FETCH could lead back to itself.
    const fetches = active.reading.statements.some(({ deeds }) => deeds.some(({ kind }) => kind === "fetch"));
    return prepared === undefined || fetches ? UNKNOWN : this.readingOf(prepared);
  }

  read(text: string): Reading {
    return asOf(this.#reader.read(text, this), this.serverMajor);
  }

  /** What executing it now would do; texts are read anew, for the connection's state may have changed since Parse. */
  readingOf(prepared: Prepared): Reading {
    if (!prepared.utf8) return NOT_UTF8;
    if (prepared.body === undefined) return this.read(prepared.text);
    return this.pathTrusted ? asOf(prepared.body, this.serverMajor) : UNKNOWN;
  }

  /** The statement of that name as the server will see it; `wait` when only its answers can tell. */
  find(name: string, about: { readonly segment: number; readonly sqlNaming: boolean }): Prepared | "wait" | undefined {
    const key = keyOf(name);
    if (!isAscii(key)) return undefined;
    const naming = this.#naming.get(key);
    if (naming === undefined) return about.sqlNaming ? "wait" : this.#statements.get(key);
    // In one segment a Parse that fails makes the server skip what follows too, so there its name can be relied on.
    if (naming.segment !== about.segment) return "wait";
    return naming.kind === "parse" ? naming.prepared : undefined;
  }

  /** A Parse or Close was sent. */
  sent(naming: Naming): void {
    this.version += 1;
    this.#naming.set(keyOf(naming.name), naming);
  }

  /** The server did it. */
  done(naming: Naming): void {
    this.skipped(naming);
    const key = keyOf(naming.name);
    if (naming.kind === "close") this.#statements.delete(key);
    else if (isAscii(key)) remember(this.#statements, key, naming.prepared);
  }

  /** The server failed it, or skipped it. */
  skipped(naming: Naming): void {
    const key = keyOf(naming.name);
    if (this.#naming.get(key) === naming) this.#naming.delete(key);
  }

  portal(name: string): Portal | undefined {
    return this.#portals.get(keyOf(name));
  }

  portals(): Iterable<readonly [string, Portal]> {
    return this.#portals;
  }

  open(name: string, portal: Portal): void {
    remember(this.#portals, keyOf(name), portal);
  }

  /** Forgets a portal and gives it back. */
  drop(name: string): Portal | undefined {
    const key = keyOf(name);
    const portal = this.#portals.get(key);
    if (portal !== undefined) this.#portals.delete(key);
    return portal;
  }

  /** A cursor that SQL declared. */
  cursorReading(name: string): Reading | undefined {
    const key = keyOf(name);
    return isAscii(key) ? this.#cursors.get(key)?.body : undefined;
  }

  /** No transaction is open any more: the server closed every cursor that was not held. */
  endTransaction(): void {
    for (const [name, { held }] of this.#cursors) if (!held) this.#cursors.delete(name);
  }

  /** What a statement that the server completed did to names; `doubts` as they were when it was sent. */
  apply(deeds: readonly Deed[], doubts: number): void {
    for (const deed of deeds) {
      switch (deed.kind) {
        case "prepare":
          this.#named(this.#statements, deed.name, {
            text: `PREPARE ${deed.name}`,
            body: deed.body,
            utf8: true,
            unservable: "",
            digest: hash("sha256", deed.name, "buffer"),
            types: [],
            parameterTypes: [],
            described: undefined,
            doubts,
          });
          break;
        case "deallocate":
          this.#named(this.#statements, deed.name, undefined);
          break;
        case "declare":
          this.#named(this.#cursors, deed.name, deed);
          break;
        case "close":
          this.#named(this.#cursors, deed.name, undefined);
          break;
        case "execute":
        case "fetch":
        case "copy-in":
        case "path-set":
        case "path-untrusted":
        case "own-constant":
        case "newer-call":
          break;
      }
    }
  }

  /** SQL gave that name, or took it; undefined takes all. */
  #named<V>(map: Map<string, V>, name: string | undefined, value: V | undefined): void {
    this.version += 1;
    const key = keyOf(name ?? "");
    // The server may have cut or folded such a name into any other one.
    if (name === undefined || !isAscii(name)) map.clear();
    else if (value === undefined) map.delete(key);
    else remember(map, key, value);
  }
}

function keyOf(name: string): string {
  return name.length > NAME_BYTES_MAX ? name.slice(0, NAME_BYTES_MAX) : name;
}

export function isAscii(name: string): boolean {
  for (let index = 0; index < name.length; index += 1) if (name.charCodeAt(index) > 0x7f) return false;
  return true;
}

function remember<V>(map: Map<string, V>, name: string, value: V): void {
  map.delete(name);
  map.set(name, value);
  if (map.size <= NAMES_MAX) return;
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
}
