import { hash } from "node:crypto";
import { type Redaction, Redactor, type Salts } from "../journal/disclosure.ts";
import type { SessionLog } from "../journal/session-log.ts";
import { type As, type ColumnCatalog, resultMasks, touchesMasked } from "../masking/columns.ts";
import { type Masker, structure } from "../masking/mask.ts";
import type { Command, CommandId, ResultColumn, Slot } from "../model/command.ts";
import type { Decision, Ruling } from "../model/decision.ts";
import type { Redacted } from "../model/event.ts";
import type { Masked } from "../model/masked.ts";
import type { Opened, Returned } from "../protocols/protocol.ts";
import { ResponseWriter } from "./response-writer.ts";

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

/** How each value of a row, or beside a text, must be masked. */
type Masks = readonly (As | undefined)[];

interface Params {
  readonly redactions: readonly Redaction[];
  readonly redacted: readonly Redacted[];
  readonly shown: readonly Masked[];
  readonly masked: number;
}

interface TextRecord {
  readonly seq: number;
  readonly text: Masked;
  readonly spans: number;
  readonly disclosure: string;
}

export class Recorder {
  readonly #log: SessionLog;
  readonly #redactor: Redactor;
  readonly #masker: Masker;
  readonly #responses: ResponseWriter;
  readonly #scratch = Buffer.alloc(SCRATCH_BYTES);
  readonly #texts = new WeakMap<object, TextRecord>();
  #masks = new WeakMap<readonly ResultColumn[], WeakMap<readonly string[], Masks>>();
  #paramMasks = new WeakMap<readonly Slot[], WeakMap<readonly string[], Masks>>();
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
    this.#redactor = new Redactor(parts.salts);
    this.#masker = parts.masker;
    this.#responses = new ResponseWriter(parts.masker);
  }

  /** The tables of a target as they are now. */
  learn(target: string, catalog: ColumnCatalog): void {
    this.#catalogs.set(target, catalog);
    this.#masks = new WeakMap();
    this.#paramMasks = new WeakMap();
    this.#touching = new WeakMap();
  }

  opened(
    conn: number,
    about: {
      readonly target: string;
      readonly purpose: "client" | "cancel" | "preview" | "catalogue" | "plan";
      readonly opened: Pick<Opened, "user" | "database" | "application">;
      readonly tls: { readonly client: boolean; readonly target: boolean };
      readonly searchPath?: string;
    },
  ): void {
    const application = this.#redactor.redact(structure(about.opened.application));
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

  /**
   * Records a command before anything is decided about it. `planned` is the statement of a plan that it is, byte for byte:
   * its text is then that one's, and so is its digest.
   */
  seen(conn: number, target: string, command: Command, planned?: object): Shown {
    const known = this.#texts.get(planned ?? command.textKey);
    const catalog = this.#catalogs.get(target) ?? NO_CATALOG;
    const touched = this.#touches(command.objects, catalog);
    const masked = known ?? this.#text(command, touched, catalog);
    const text = known === undefined ? this.#redactor.redact(masked.text) : undefined;
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
      params: params.redacted,
      target,
      text: text === undefined ? NONE : [text.redacted],
      textOf: known?.seq ?? -1,
      tx: command.inTransaction,
      why: this.#list(command.why),
    });
    if (text !== undefined) {
      this.#log.disclose(text, `/${seq}/body/text/0`);
      const { text: shown, spans } = masked;
      this.#texts.set(planned ?? command.textKey, { seq, text: shown, spans, disclosure: text.disclosure });
    }
    for (let index = 0; index < params.redactions.length; index += 1) {
      const each = params.redactions[index];
      if (each !== undefined) this.#log.disclose(each, `/${seq}/body/params/${index}`);
    }
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

  #params(command: Command, touched: boolean, catalog: ColumnCatalog): Params {
    const { params } = command;
    if (params.length === 0) return NO_PARAMS;
    const masks = touched ? this.#masksOfParams(command, catalog) : NO_MASKS;
    const texts: (Masked | null)[] = [];
    const shown: Masked[] = [];
    let masked = 0;
    for (let index = 0; index < params.length; index += 1) {
      const value = params[index] ?? null;
      if (value !== null && masks[index] !== undefined) masked += 1;
      const text = this.#masker.maskCell(value, masks[index]);
      texts.push(text);
      shown.push(text ?? NULL);
    }
    const redactions =
      texts.length > PARAMS_EACH_MAX
        ? [this.#redactor.redact(texts)]
        : texts.map((each) => (each === null ? this.#redactor.redactJson("null") : this.#redactor.redact(each)));
    return { redactions, redacted: redactions.map((each) => each.redacted), shown, masked };
  }

  #masksOfParams(command: Command, catalog: ColumnCatalog): Masks {
    const { slots, objects, params } = command;
    const ofSlots = this.#paramMasks.get(slots);
    const known = ofSlots?.get(objects);
    if (known !== undefined && known.length >= params.length) return known;
    const masks = this.#masker.paramMasks(command, params.length, catalog);
    if (ofSlots === undefined) this.#paramMasks.set(slots, new WeakMap([[objects, masks]]));
    else ofSlots.set(objects, masks);
    return masks;
  }

  #response(
    note: Returned,
    objects: readonly string[],
    catalog: ColumnCatalog,
  ): { readonly response: Redaction; readonly masked: number } {
    const touched = this.#touches(objects, catalog);
    // An error's words may quote a value of any column: of a command that touches a masked table only the codes are kept.
    const summary = touched && note.code !== "" ? note.summary.filter((each) => SAFE_FIELDS.test(each)) : note.summary;
    const { json, masked } = this.#responses.write({ key: note.key, results: note.results, summary }, (columns) =>
      touched && columns.length === 0 ? "redact" : this.#masksOf(columns, objects, catalog),
    );
    return { response: this.#redactor.redactJson(json), masked };
  }

  /** By columns and objects together: a column that was traced to no table goes by what the statement touches. */
  #masksOf(columns: readonly ResultColumn[], objects: readonly string[], catalog: ColumnCatalog): Masks {
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

const NULL: Masked = structure("NULL");
const NO_PARAMS: Params = { redactions: [], redacted: NONE, shown: [], masked: 0 };
const NO_MASKS: Masks = [];
const NO_CATALOG: ColumnCatalog = { tableOf: () => undefined };

/** Severity, SQLSTATE, schema, table, column, data type and constraint names: structure, not values. */
const SAFE_FIELDS = /^(?:[A-Z]+(?: \d+)*$|[SCstcdn]: )/;
