import { hash } from "node:crypto";
import { type Json, type Redaction, redact, redactSorted, type Salts } from "../journal/disclosure.ts";
import type { SessionLog } from "../journal/session-log.ts";
import { type As, type ColumnCatalog, resultMasks, touchesMasked } from "../masking/columns.ts";
import { type Masker, structure } from "../masking/mask.ts";
import type { Command, CommandId, ResultColumn } from "../model/command.ts";
import type { Decision, Ruling } from "../model/decision.ts";
import type { Redacted } from "../model/event.ts";
import type { Masked } from "../model/masked.ts";
import type { Opened, Returned } from "../protocols/protocol.ts";

// Turns what conversations tell into the session's events: masks every value, takes it out of the event, and appends.
// The only place where a command's text and the journal meet.

/** More parameters than this are recorded by one digest over all of them, so a line keeps its bound. */
const PARAMS_EACH_MAX = 64;

/** Objects and reasons listed in one event; the count of the rest is said. */
const LIST_MAX = 64;

/** A name in a list, in characters; names of the server's own are at most 63 bytes. */
const NAME_MAX = 200;

/** Where the input of a command's digest is put together; a longer one gets a buffer of its own. */
const SCRATCH_BYTES = 8 * 1024;

const NONE: readonly Redacted[] = [];

/** What a person is shown of a command, as it was recorded. */
export interface Shown {
  readonly seq: number;
  readonly text: Masked;
  readonly params: readonly Masked[];
  readonly maskedSpans: number;
  readonly digest: string;
}

interface TextRecord {
  readonly seq: number;
  readonly text: Masked;
  readonly spans: number;
  readonly disclosure: string;
}

export class Recorder {
  readonly #log: SessionLog;
  readonly #salts: Salts;
  readonly #masker: Masker;
  readonly #scratch = Buffer.alloc(SCRATCH_BYTES);
  #texts = new WeakMap<object, TextRecord>();
  #masks = new WeakMap<readonly ResultColumn[], WeakMap<readonly string[], readonly (As | undefined)[]>>();
  #touching = new WeakMap<readonly string[], boolean>();
  readonly #lists = new WeakMap<readonly string[], readonly string[]>();
  /** What is known of each target's tables; masks follow from it. */
  readonly #catalogs = new Map<string, ColumnCatalog>();

  constructor(parts: {
    readonly log: SessionLog;
    readonly salts: Salts;
    readonly masker: Masker;
  }) {
    this.#log = parts.log;
    this.#salts = parts.salts;
    this.#masker = parts.masker;
  }

  /** The tables of a target as they are now. */
  learn(target: string, catalog: ColumnCatalog): void {
    this.#catalogs.set(target, catalog);
    this.#masks = new WeakMap();
    this.#touching = new WeakMap();
  }

  opened(
    conn: number,
    about: {
      readonly target: string;
      readonly purpose: "client" | "cancel" | "preview" | "catalogue";
      readonly opened: Pick<Opened, "user" | "database" | "application">;
      readonly tls: { readonly client: boolean; readonly target: boolean };
      readonly searchPath?: string;
    },
  ): void {
    const application = redact(structure(about.opened.application), this.#salts);
    const seq = this.#log.append("connection.opened", conn, {
      application: [application.redacted],
      database: structure(about.opened.database),
      purpose: about.purpose,
      searchPath: structure(about.searchPath ?? ""),
      target: about.target,
      tls: about.tls,
      user: structure(about.opened.user),
    });
    this.#log.disclose(application, `/${seq}/body/application/0`);
  }

  /** Records a command before anything is decided about it. */
  seen(conn: number, target: string, command: Command): Shown {
    const known = this.#texts.get(command.textKey);
    const catalog = this.#catalogs.get(target) ?? NO_CATALOG;
    const touched = this.#touches(command.objects, catalog);
    const masked = known ?? this.#text(command, touched, catalog);
    const text = known === undefined ? redact(masked.text, this.#salts) : undefined;
    const params = this.#params(command, touched, catalog);
    // What is disclosed holds a secret salt, so it can key the digest; erasing the value takes the key with it.
    const key = text?.disclosure ?? params.redactions[0]?.disclosure ?? known?.disclosure ?? "";
    const digest = this.#digest(key, command.bytes);
    let bytes = 0;
    for (const each of command.bytes) bytes += each.length;
    const seq = this.#log.append("command.seen", conn, {
      bounded: command.bounded,
      bytes,
      cmd: command.id,
      digest,
      effects: command.effects,
      objects: this.#list(command.objects),
      params: params.redactions.length === 0 ? NONE : params.redactions.map((each) => each.redacted),
      target,
      text: text === undefined ? NONE : [text.redacted],
      textOf: known?.seq ?? -1,
      tx: command.inTransaction,
      why: this.#list(command.why),
    });
    if (text !== undefined) {
      this.#log.disclose(text, `/${seq}/body/text/0`);
      const { text: shown, spans } = masked;
      this.#texts.set(command.textKey, { seq, text: shown, spans, disclosure: text.disclosure });
    }
    for (const [index, each] of params.redactions.entries()) this.#log.disclose(each, `/${seq}/body/params/${index}`);
    return { seq, text: masked.text, params: params.shown, maskedSpans: masked.spans + params.masked, digest };
  }

  #digest(key: string, parts: readonly Uint8Array[]): string {
    let length = key.length;
    for (const part of parts) length += part.length;
    const input = length <= SCRATCH_BYTES ? this.#scratch : Buffer.allocUnsafe(length);
    let at = input.write(key, "latin1");
    for (const part of parts) {
      input.set(part, at);
      at += part.length;
    }
    return hash("sha256", input.subarray(0, at), "base64url");
  }

  decided(conn: number, cmd: CommandId, { kind, reason }: Decision): void {
    this.#log.append("command.decided", conn, {
      cmd,
      decision: kind,
      matched: reason.matched,
      message: reason.message,
      rule: reason.rule,
    });
  }

  settled(conn: number, cmd: CommandId, ruling: Ruling): void {
    this.#log.append("command.settled", conn, {
      cause: ruling.kind === "refuse" ? ruling.cause : "",
      cmd,
      ruling: ruling.kind,
    });
  }

  /** Records how an execution ended. `objects` are the command's, empty when it is not known which command it was. */
  returned(
    conn: number,
    target: string,
    note: Returned,
    about: { readonly objects: readonly string[]; readonly tookUs: number },
  ): void {
    const { response, masked } = this.#response(note, about.objects, this.#catalogs.get(target) ?? NO_CATALOG);
    const seq = this.#log.append("command.returned", conn, {
      bytes: note.bytes,
      cmd: note.id,
      code: note.code,
      copied: { bytes: note.copiedBytes, digest: note.copiedDigest },
      digest: note.digest,
      execution: note.execution,
      masked,
      outcome: note.outcome,
      response: [response.redacted],
      rows: note.rows,
      tookUs: about.tookUs,
      truncated: note.truncated,
    });
    this.#log.disclose(response, `/${seq}/body/response/0`);
  }

  closed(
    conn: number,
    about: { readonly commands: number; readonly received: number; readonly sent: number; readonly why: string },
  ): void {
    this.#log.append("connection.closed", conn, { ...about, why: structure(about.why) });
  }

  gap(conn: number, cmd: string, what: string): void {
    this.#log.append("gap", conn, { cmd, what });
  }

  #text(command: Command, touched: boolean, catalog: ColumnCatalog): { readonly text: Masked; readonly spans: number } {
    // A command that touches no masked table has nothing to look for; most are of this kind.
    if (!touched) return { text: this.#masker.maskCell(command.text, undefined) ?? structure(""), spans: 0 };
    return this.#masker.maskText(command.text, command.slots, command.objects, catalog);
  }

  #params(
    command: Command,
    touched: boolean,
    catalog: ColumnCatalog,
  ): { readonly redactions: readonly Redaction[]; readonly shown: readonly Masked[]; readonly masked: number } {
    if (command.params.length === 0) return NO_PARAMS;
    const values = touched
      ? this.#masker.maskParams(command, catalog)
      : command.params.map((value) => ({ text: this.#masker.maskCell(value, undefined), masked: false }));
    let masked = 0;
    for (const each of values) if (each.masked) masked += 1;
    const texts = values.map((each) => each.text);
    const redactions =
      texts.length > PARAMS_EACH_MAX ? [redact(texts, this.#salts)] : texts.map((each) => redact(each, this.#salts));
    return { redactions, shown: texts.map((each) => each ?? structure("NULL")), masked };
  }

  #response(
    note: Returned,
    objects: readonly string[],
    catalog: ColumnCatalog,
  ): { readonly response: Redaction; readonly masked: number } {
    let masked = 0;
    const touched = this.#touches(objects, catalog);
    const results: Json[] = [];
    for (const { columns, rows } of note.results) {
      const masks = this.#masksOf(columns, objects, catalog);
      const out: Json[] = [];
      for (const row of rows) {
        const cells: Json[] = [];
        for (const [index, value] of row.entries()) {
          const as = touched && columns.length === 0 ? "redact" : masks[index];
          if (as !== undefined && value !== null) masked += 1;
          cells.push(this.#masker.maskCell(value, as));
        }
        out.push(cells);
      }
      results.push({ columns: columns.map((each) => each.name), rows: out });
    }
    // An error's words may quote a value of any column: of a command that touches a masked table only the codes are kept.
    const summary = touched && note.code !== "" ? note.summary.filter((each) => SAFE_FIELDS.test(each)) : note.summary;
    const value = { key: base64url(note.key), results, summary };
    return { response: redactSorted(value, this.#salts), masked };
  }

  /** By columns and objects together: a column that was traced to no table goes by what the statement touches. */
  #masksOf(
    columns: readonly ResultColumn[],
    objects: readonly string[],
    catalog: ColumnCatalog,
  ): readonly (As | undefined)[] {
    const ofColumns = this.#masks.get(columns);
    const known = ofColumns?.get(objects);
    if (known !== undefined) return known;
    const masks = resultMasks(this.#masker.columns, columns, catalog, { objects });
    if (ofColumns === undefined) this.#masks.set(columns, new WeakMap([[objects, masks]]));
    else ofColumns.set(objects, masks);
    return masks;
  }

  #touches(objects: readonly string[], catalog: ColumnCatalog): boolean {
    const known = this.#touching.get(objects);
    if (known !== undefined) return known;
    const touches = touchesMasked(this.#masker.columns, objects, catalog);
    this.#touching.set(objects, touches);
    return touches;
  }

  /** Names and reasons on one line each. Readings give the same lists again and again, so each is gone through once. */
  #list(items: readonly string[]): readonly string[] {
    if (items.length === 0) return items;
    const known = this.#lists.get(items);
    if (known !== undefined) return known;
    const list = shorten(items);
    this.#lists.set(items, list);
    return list;
  }
}

function shorten(items: readonly string[]): readonly string[] {
  const shown = items.slice(0, LIST_MAX).map((each) => structure(each.slice(0, NAME_MAX)));
  return items.length > LIST_MAX ? [...shown, `and ${items.length - LIST_MAX} more`] : shown;
}

const NO_PARAMS = { redactions: [], shown: [], masked: 0 } as const;
const NO_CATALOG: ColumnCatalog = { tableOf: () => undefined };

/** Severity, SQLSTATE, schema, table, column, data type and constraint names: structure, not values. */
const SAFE_FIELDS = /^(?:[A-Z]+(?: \d+)*$|[SCstcdn]: )/;

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
