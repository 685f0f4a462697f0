import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { Inbox } from "../../bytes/inbox.ts";
import { ProtocolError } from "../../bytes/protocol-error.ts";
import type { Deed, Reading, SqlReader } from "../../languages/sql/reading.ts";
import type { CommandId } from "../../model/command.ts";
import type { Refusal, Ruling } from "../../model/decision.ts";
import type { Conversation, Opening, Returned, Side, Step } from "../protocol.ts";
import { Answer, SCRATCH_BYTES } from "./answer.ts";
import { Descriptions } from "./descriptions.ts";
import { Entrance, encodeAuthentication } from "./entrance.ts";
import { type Active, type Described, Inflight, type Pending, type Portal, type Prepared } from "./inflight.ts";
import { isAscii, Names } from "./names.ts";
import {
  CALLS_BY_NUMBER,
  changesNames,
  changesReading,
  DOUBTFUL,
  loosensPath,
  mayCopyIn,
  NOT_UTF8,
  runsCode,
  runsWhenParsed,
  setsPath,
  UNKNOWN,
  usesNames,
  withTypes,
} from "./readings.ts";
import { Run } from "./run.ts";
import type { ScramVerifier } from "./scram.ts";
import { type ServerReader, ServerStream } from "./server-stream.ts";
import { decodeValue } from "./values.ts";
import {
  CLIENT_FRAME_MAX,
  decodeBind,
  decodeError,
  decodeExecute,
  decodeNamed,
  decodeParse,
  decodeQuery,
  encodeClose,
  encodeError,
  encodeFrame,
  encodeParse,
  encodePoisonParse,
  encodePoisonQuery,
  FLUSH,
  FRAME_MAX,
  formatOf,
  HEADER,
} from "./wire.ts";

// One client's conversation with one PostgreSQL server, from start-up to Terminate. It reads both directions message by
// message, asks about every command before a byte of it moves, and lets the server keep order: a refused command is
// replaced by one that cannot be parsed, so pipelines, Sync and transaction state stay the server's own.

/** Messages sent and not answered; a client that pipelines more waits. */
const INFLIGHT_MAX = 65_536;

/** Client bytes waiting to be read: one whole message at the limit and the chunk that completed it. */
const INBOX_MAX = CLIENT_FRAME_MAX + 1024 * 1024;

/** Client bytes that are taken in behind a message that waits. */
const WAITING_MAX = 64 * 1024;

const NOT_UTF8_TEXT = "The text is not valid UTF-8, so it cannot be read as the server would read it.";
const NO_CALLS = "The FunctionCall message is not served; call the function with SELECT.";
const NO_BACKSLASH =
  "A text with a backslash cannot follow, without a Sync between, a command that may change how text is read.";

const NO_PARAMS: readonly (string | null)[] = [];
const NO_DEEDS: readonly Deed[] = [];

/** A command that waits for its ruling, and the message that a release sends. */
type Held =
  | { readonly kind: "query"; readonly frame: Buffer; readonly active: Active }
  | {
      readonly kind: "execute";
      readonly frame: Buffer;
      readonly active: Active;
      readonly portal: Portal | undefined;
    }
  | {
      readonly kind: "parse";
      readonly frame: Buffer;
      readonly active: Active;
      readonly name: string;
      readonly prepared: Prepared;
    }
  | {
      readonly kind: "bind";
      readonly frame: Buffer;
      readonly active: Active;
      readonly name: string;
      readonly portal: Portal;
      /** The statement's name, where the server must be told again what it stands for. */
      readonly again: string | undefined;
    };

// Message types by their byte, named as in section 54.7.
const QUERY = 0x51;
const PARSE = 0x50;
const BIND = 0x42;
const DESCRIBE = 0x44;
const EXECUTE = 0x45;
const CLOSE = 0x43;
const SYNC = 0x53;
const FLUSH_TYPE = 0x48;
const FUNCTION_CALL = 0x46;
const TERMINATE = 0x58;
const COPY_DATA = 0x64;
const COPY_DONE = 0x63;
const COPY_FAIL = 0x66;
const DATA_ROW = 0x44;
const PARSE_COMPLETE = 0x31;
const BIND_COMPLETE = 0x32;
const COMMAND_COMPLETE = 0x43;
const READY_FOR_QUERY = 0x5a;
const ROW_DESCRIPTION = 0x54;

/** What may come while the server takes COPY data, or may be about to. */
const ALWAYS_IN_COPY = new Set([COPY_DATA, COPY_DONE, COPY_FAIL, SYNC, FLUSH_TYPE, TERMINATE]);

export class PostgresConversation implements Conversation, ServerReader {
  readonly #opening: Opening;
  readonly #entrance: Entrance;
  readonly #names: Names;
  readonly #inbox = new Inbox(INBOX_MAX);
  readonly #descriptions = new Descriptions();
  readonly #scratch = Buffer.alloc(SCRATCH_BYTES);
  readonly #inflight = new Inflight();
  readonly #server = new ServerStream(this);
  readonly #run = new Run((bytes) => this.#steps.push({ kind: "send", to: "server", bytes }));
  #phase: "entrance" | "joining" | "ready" | "closed" = "entrance";
  #steps: Step[] = [];
  /** How commands ended, told once the client has its bytes: recording it is nothing that the client waits for. */
  #notes: Step[] = [];
  #commands = 0;
  #welcomed = false;
  #serverKey: Buffer = EMPTY;

  #held: Held | undefined;
  /** The next client message waits for the server: for what is in flight, or to learn whether COPY began. */
  #stalled = false;
  #flushAsked = false;
  /** The server ignores everything until the next Sync. */
  #skipping = false;
  #segment = 1;
  /** The last segment in which something was released that may change how text is read. */
  #doubtfulSegment = 0;
  /** In flight: commands that may change how text is read, and ones that give or take names by SQL. */
  #readingChanges = 0;
  #nameChanges = 0;
  #transaction: "I" | "T" | "E" = "I";

  #copyIn: Answer | undefined;
  /** Bytes of a client CopyData still to come, and whose they are; nobody's are dropped. */
  #copyLeft = 0;
  #copyTarget: Answer | undefined;

  constructor(opening: Opening, reader: SqlReader, verifier: ScramVerifier) {
    this.#opening = opening;
    this.#entrance = new Entrance(opening, verifier);
    this.#names = new Names(reader);
  }

  begin(): readonly Step[] {
    return [];
  }

  receive(from: Side, chunk: Uint8Array): readonly Step[] {
    if (this.#phase === "closed") return [];
    return this.#guard(() => {
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      if (from === "server") {
        this.#welcome();
        this.#server.feed(bytes);
        if (this.#stalled && this.#phase === "ready") this.#drain();
        return;
      }
      this.#inbox.push(bytes);
      if (this.#phase === "entrance") this.#enter();
      else if (this.#phase === "ready") this.#drain();
    });
  }

  settle(id: CommandId, ruling: Ruling): readonly Step[] {
    if (this.#phase === "closed") return [];
    const held = this.#held;
    assert(held?.active.command.id === id, `settled ${id}, but ${held?.active.command.id ?? "nothing"} is held`);
    this.#held = undefined;
    return this.#guard(() => {
      // The server failed on something before it while it was judged: it would ignore it, and never answer.
      if (this.#skipping) {
        if (ruling.kind === "release") this.#noteEnd(held.active, "skipped");
      } else if (ruling.kind === "release") this.#release(held);
      else this.#refuse(held.kind === "query", ruling);
      this.#drain();
    });
  }

  tell(message: string): readonly Step[] {
    if (this.#phase !== "ready") return [];
    this.#server.insert(encodeError({ severity: "NOTICE", code: "00000", message }));
    return this.#take();
  }

  secured(): readonly Step[] {
    return this.#guard(() => {
      this.#entrance.secured();
      this.#enter();
    });
  }

  unreachable(message: string): readonly Step[] {
    return this.#fail({ code: "08001", message });
  }

  end(from: Side): readonly Step[] {
    if (this.#phase === "closed") return [];
    this.#phase = "closed";
    this.#steps = [];
    this.#notes = [];
    for (const pending of this.#inflight) {
      if (pending.kind === "query" || pending.kind === "execute") {
        this.#note(pending.active, pending.answer.returned("unknown"));
      } else if (pending.kind === "parse" && pending.asked !== undefined) {
        this.#note(pending.asked, this.#answer(pending.asked, undefined).returned("unknown"));
      }
    }
    for (const [, portal] of this.#names.portals()) this.#noteEnd(portal.active, "bound");
    this.#tellNotes();
    this.#steps.push({ kind: "close", why: from === "client" ? "client left" : "target closed the connection" });
    return this.#take();
  }

  wants(from: Side): boolean {
    if (from === "server") return true;
    // A little is read even while it waits: a client that leaves is noticed only by reading.
    const waits = this.#held !== undefined || this.#stalled || this.#phase === "joining";
    return !waits || this.#inbox.length < WAITING_MAX;
  }

  // ---- from the client ----

  #enter(): void {
    for (const step of this.#entrance.take(this.#inbox)) {
      if (step.kind === "dial") this.#phase = "joining";
      this.#steps.push(step);
    }
  }

  /** Reads client messages until one must be judged, one must wait, or nothing whole is left. */
  #drain(): void {
    this.#stalled = false;
    while (this.#held === undefined) {
      if (this.#copyLeft > 0) {
        if (!this.#streamCopy()) break;
        continue;
      }
      const head = this.#inbox.peek(HEADER);
      if (head === undefined) break;
      const at = this.#inbox.offset;
      const length = head.readUInt32BE(at + 1);
      if (length < 4 || length > FRAME_MAX) throw new ProtocolError(`message length ${length}`);
      if (head[at] === COPY_DATA) {
        if (this.#isCopyUnclear()) {
          this.#wait();
          break;
        }
        this.#copyLeft = length + 1;
        this.#copyTarget = this.#copyIn;
        continue;
      }
      if (length + 1 > CLIENT_FRAME_MAX) throw new TooLarge(length + 1);
      const view = this.#inbox.peek(length + 1);
      if (view === undefined) break;
      if (!ALWAYS_IN_COPY.has(head[at] ?? 0)) {
        // The server takes such a message for a fault of the COPY and does not answer it: our count would be wrong.
        if (this.#copyIn !== undefined) throw new ProtocolError("a command inside COPY data");
        if (this.#isCopyUnclear()) {
          this.#wait();
          break;
        }
      }
      if (
        this.#inflight.length >= INFLIGHT_MAX ||
        !this.#clientMessage(frameAt(view, this.#inbox.offset, length + 1))
      ) {
        this.#stalled = true;
        break;
      }
      this.#flushAsked = false;
      this.#inbox.skip(length + 1);
    }
    this.#run.flush();
  }

  /** One whole message. False when it must wait; then nothing of it was taken. */
  #clientMessage(frame: Buffer): boolean {
    const type = frame[0] ?? 0;
    switch (type) {
      case SYNC:
        this.#sync(frame);
        return true;
      case TERMINATE:
        this.#run.add(frame);
        return true;
      case COPY_DONE:
      case COPY_FAIL:
        return this.#endCopy(frame);
      case QUERY:
        return this.#skipping || this.#query(frame);
      case PARSE:
        return this.#skipping || this.#parse(frame);
      case BIND:
        return this.#skipping || this.#bind(frame);
      case EXECUTE:
        return this.#skipping || this.#execute(frame);
      case DESCRIBE:
        if (!this.#skipping) this.#describe(frame);
        return true;
      case CLOSE:
        if (!this.#skipping) this.#close(frame);
        return true;
      case FLUSH_TYPE:
        if (!this.#skipping && this.#copyIn === undefined) this.#run.add(frame);
        return true;
      case FUNCTION_CALL:
        if (!this.#skipping)
          this.#askQuery(frame, { reading: CALLS_BY_NUMBER, text: "FunctionCall", unservable: NO_CALLS });
        return true;
      default:
        throw new ProtocolError(`message type ${JSON.stringify(String.fromCharCode(type))} is not served`);
    }
  }

  #sync(frame: Buffer): void {
    // The server reads Syncs away while it takes COPY data, and so a real one there is none.
    if (this.#copyIn !== undefined) return;
    this.#skipping = false;
    this.#run.add(frame);
    this.#inflight.push({ kind: "sync", segment: this.#segment });
    this.#segment += 1;
  }

  #query(frame: Buffer): boolean {
    const { text, utf8 } = decodeQuery(frame);
    if (!utf8) {
      this.#askQuery(frame, { reading: NOT_UTF8, text, unservable: NOT_UTF8_TEXT });
      return true;
    }
    const unservable = this.#backslashFault(text);
    if (unservable === "" && this.#isReadingUnclear(text)) return this.#wait();
    const reading = this.#names.read(text);
    if (this.#inflight.length > 0 && usesNames(reading)) return this.#wait();
    this.#askQuery(frame, { reading, text, unservable });
    return true;
  }

  #askQuery(
    frame: Buffer,
    { reading, text, unservable }: { readonly reading: Reading; readonly text: string; readonly unservable: string },
  ): void {
    const active = this.#active({ reading, text, bytes: [frame], unservable, textKey: {}, params: NO_PARAMS });
    this.#ask({ kind: "query", frame, active });
  }

  #parse(frame: Buffer): boolean {
    const { name, query, types } = decodeParse(frame);
    const unservable = query.utf8 ? this.#backslashFault(query.text) : NOT_UTF8_TEXT;
    if (unservable === "" && this.#isReadingUnclear(query.text)) return this.#wait();
    const prepared: Prepared = {
      text: query.text,
      body: undefined,
      utf8: query.utf8,
      unservable,
      digest: hash("sha256", frame, "buffer"),
      types,
      parameterTypes: types,
      described: undefined,
      doubts: this.#names.doubts,
    };
    const reading = query.utf8 ? this.#names.read(query.text) : undefined;
    if (reading !== undefined && runsWhenParsed(reading, prepared)) {
      const about = {
        reading: withTypes(reading, prepared),
        text: query.text,
        bytes: [frame],
        unservable,
        textKey: reading,
        params: NO_PARAMS,
      };
      this.#ask({ kind: "parse", frame, active: this.#active(about), name, prepared });
    } else {
      this.#run.add(frame);
      this.#pushParse(name, prepared, undefined);
    }
    return true;
  }

  #pushParse(name: string, prepared: Prepared, asked: Active | undefined): void {
    const pending: Pending = { kind: "parse", name, prepared, asked, segment: this.#segment };
    this.#names.sent(pending);
    this.#inflight.push(pending);
  }

  #bind(frame: Buffer): boolean {
    const message = decodeBind(frame);
    const found = this.#find(message.statement);
    if (found === "wait") return this.#wait();
    // SQL has no way to name the unnamed statement.
    const doubtful = found !== undefined && message.statement !== "" && !this.#names.isSure(found);
    const reading = this.#readingToBind(found, doubtful);
    if (this.#inflight.length > 0 && usesNames(reading)) return this.#wait();
    const active = this.#active({
      reading,
      text: found?.text ?? "",
      bytes: found === undefined ? [frame] : [found.digest, frame],
      unservable: found?.unservable ?? "",
      textKey: found ?? {},
      params: message.values.length === 0 ? NO_PARAMS : decodeParams(message, found),
    });
    const { resultFormats } = message;
    const portal: Portal = {
      active,
      prepared: found,
      resultFormats,
      described: undefined,
      segment: this.#segment,
      names: this.#names.version,
    };
    const again = doubtful && found.body === undefined ? message.statement : undefined;
    this.#ask({ kind: "bind", frame, active, name: message.portal, portal, again });
    return true;
  }

  /** Of what SQL prepared there is no text to give the server again, so once it is doubtful nobody knows what it is. */
  #readingToBind(found: Prepared | undefined, doubtful: boolean): Reading {
    if (found === undefined) return UNKNOWN;
    if (doubtful && found.body !== undefined) return DOUBTFUL;
    return withTypes(this.#names.readingOf(found), found);
  }

  #execute(frame: Buffer): boolean {
    const { portal: name } = decodeExecute(frame);
    const portal = this.#names.portal(name);
    // A portal of an earlier segment is gone unless a transaction is open, which only the server's answers tell.
    if (portal !== undefined && portal.segment !== this.#segment && this.#inflight.length > 0) return this.#wait();
    const leans = portal !== undefined && usesNames(portal.active.reading);
    if (portal !== undefined && (!leans || (portal.names === this.#names.version && this.#nameChanges === 0))) {
      this.#run.add(frame);
      this.#pushExecute(portal.active, portal);
      return true;
    }
    // A cursor that SQL declared, a name that we do not know, or a portal of EXECUTE or FETCH, which looks its name up
    // only now and may find another statement than at Bind: running it is a command of its own.
    if (this.#nameChanges > 0 || (leans && this.#inflight.length > 0)) return this.#wait();
    const reading = portal === undefined ? (this.#names.cursorReading(name) ?? UNKNOWN) : this.#readAgain(portal);
    const behind = portal === undefined ? "" : `: ${portal.active.command.text}`;
    const text = `Execute of portal ${JSON.stringify(name)}${behind}`;
    const active = this.#active({ reading, text, bytes: [frame], unservable: "", textKey: {}, params: NO_PARAMS });
    this.#ask({ kind: "execute", frame, active, portal });
    return true;
  }

  #readAgain({ prepared }: Portal): Reading {
    return prepared === undefined ? UNKNOWN : withTypes(this.#names.readingOf(prepared), prepared);
  }

  #describe(frame: Buffer): void {
    const { what, name } = decodeNamed(frame);
    this.#run.add(frame);
    const portal = what === "portal" ? this.#names.portal(name) : undefined;
    const found = what === "statement" ? this.#find(name) : portal?.prepared;
    const prepared = found === "wait" ? undefined : found;
    this.#inflight.push({ kind: "describe", prepared, portal, segment: this.#segment });
  }

  #close(frame: Buffer): void {
    const { what, name } = decodeNamed(frame);
    this.#run.add(frame);
    const pending: Pending = { kind: "close", what, name, segment: this.#segment };
    if (what === "statement") this.#names.sent(pending);
    else this.#dropPortal(name);
    this.#inflight.push(pending);
  }

  #find(name: string): Prepared | "wait" | undefined {
    return this.#names.find(name, { segment: this.#segment, sqlNaming: this.#nameChanges > 0 });
  }

  // ---- waiting ----

  /**
   * The next message waits for all that is in flight: asks the server for its answers, which without a Sync behind them
   * it would keep. Always false: nothing of the message was taken.
   */
  #wait(): false {
    const last = this.#inflight.last?.kind;
    if (!this.#flushAsked && last !== undefined && last !== "sync" && last !== "query") this.#run.add(FLUSH);
    this.#flushAsked = true;
    this.#stalled = true;
    return false;
  }

  /** What is in flight may yet change what a backslash means in this text (standard_conforming_strings). */
  #isReadingUnclear(text: string): boolean {
    return this.#readingChanges > 0 && this.#inflight.length > 0 && text.includes("\\");
  }

  /** Settings are reported with ReadyForQuery only: before the Sync, nobody can know how a backslash is read. */
  #backslashFault(text: string): string {
    return this.#doubtfulSegment === this.#segment && text.includes("\\") ? NO_BACKSLASH : "";
  }

  /** COPY data came, and only the server's answer tells whether it takes any. */
  #isCopyUnclear(): boolean {
    if (this.#copyIn !== undefined) return false;
    for (const pending of this.#inflight) {
      if ((pending.kind === "query" || pending.kind === "execute") && mayCopyIn(pending.active.reading)) return true;
    }
    return false;
  }

  // ---- commands ----

  #active(about: {
    readonly reading: Reading;
    readonly text: string;
    readonly bytes: readonly Uint8Array[];
    readonly unservable: string;
    readonly textKey: object;
    readonly params: readonly (string | null)[];
  }): Active {
    const { reading } = about;
    this.#commands += 1;
    return {
      command: {
        id: `${this.#opening.connection}/${this.#commands}`,
        protocol: "postgres",
        text: about.text,
        textKey: about.textKey,
        params: about.params,
        slots: reading.slots,
        effects: reading.effects,
        objects: reading.objects,
        bounded: reading.bounded,
        why: reading.why,
        bytes: about.bytes,
        inTransaction: this.#transaction !== "I",
        namesMoved: this.#names.pathSet,
        unservable: about.unservable,
      },
      reading,
      doubts: this.#names.doubts,
      executions: 0,
      pending: 0,
      noted: false,
    };
  }

  #ask(held: Held): void {
    this.#run.flush();
    this.#held = held;
    // The record has the end of a command before the next one on its connection.
    this.#tellNotes();
    this.#steps.push({ kind: "ask", command: held.active.command });
  }

  #release(held: Held): void {
    const { active } = held;
    if (changesReading(active.reading)) this.#doubtfulSegment = this.#segment;
    if (loosensPath(active.reading)) this.#names.pathTrusted = false;
    if (setsPath(active.reading)) this.#names.pathSet = true;
    if (held.kind === "bind") this.#giveAgain(held.again, held.portal.prepared);
    if (runsCode(active.reading)) this.#doubt();
    this.#run.add(held.frame);
    switch (held.kind) {
      case "query":
        active.executions = 1;
        this.#start(active);
        this.#inflight.push({
          kind: "query",
          active,
          answer: this.#answer(active, undefined),
          segment: this.#segment,
          completed: 0,
        });
        this.#segment += 1;
        return;
      case "bind":
        this.#start(active);
        this.#dropPortal(held.name);
        this.#names.open(held.name, held.portal);
        this.#inflight.push({ kind: "bind", name: held.name, portal: held.portal, segment: this.#segment });
        return;
      case "parse":
        this.#start(active);
        this.#pushParse(held.name, held.prepared, active);
        return;
      case "execute":
        this.#pushExecute(active, held.portal);
    }
  }

  /**
   * Code that ran may have deallocated a statement and prepared another under its name. So the server is told anew what it
   * stands for, before the Bind that was judged by its text. The client never hears of the answers.
   */
  #giveAgain(name: string | undefined, prepared: Prepared | undefined): void {
    if (name === undefined || prepared === undefined) return;
    const { text, types } = prepared;
    const own = { kind: "again", prepared, doubts: this.#names.doubts, segment: this.#segment } as const;
    this.#run.add(encodeClose(name));
    this.#inflight.push({ ...own, what: "close" });
    this.#run.add(encodeParse({ name, text, types }));
    this.#inflight.push({ ...own, what: "parse" });
  }

  /** What the names of portals and cursors stand for is not known any more. */
  #doubt(): void {
    this.#names.doubt();
    for (const [name] of this.#names.portals()) this.#dropPortal(name);
  }

  #pushExecute(active: Active, portal: Portal | undefined): void {
    active.executions += 1;
    this.#start(active);
    this.#inflight.push({ kind: "execute", active, answer: this.#answer(active, portal), segment: this.#segment });
  }

  #answer(active: Active, portal: Portal | undefined): Answer {
    return new Answer({
      id: active.command.id,
      execution: active.executions,
      key: this.#opening.random(16),
      scratch: this.#scratch,
      keepBytes: this.#opening.recordBytesMax,
      portal,
    });
  }

  #refuse(query: boolean, refusal: Refusal): void {
    const nonce = `countersign_${Buffer.from(this.#opening.random(8)).toString("hex")}`;
    this.#run.add(query ? encodePoisonQuery(nonce) : encodePoisonParse(nonce));
    this.#inflight.push({ kind: "poison", nonce, refusal, query, segment: this.#segment });
    // The server will refuse the substitute, or has refused something before it: either way it skips until Sync.
    if (query) this.#segment += 1;
    else this.#skipping = true;
  }

  /** One more message of a command is in flight. */
  #start(active: Active): void {
    active.pending += 1;
    if (active.pending > 1) return;
    if (changesReading(active.reading)) this.#readingChanges += 1;
    if (changesNames(active.reading)) this.#nameChanges += 1;
  }

  /** One message of a command that was in flight is answered, or never will be. */
  #finish(active: Active): void {
    active.pending -= 1;
    if (active.pending > 0) return;
    if (changesReading(active.reading)) this.#readingChanges -= 1;
    if (changesNames(active.reading)) this.#nameChanges -= 1;
  }

  // ---- COPY from the client ----

  /** Passes, or drops where no COPY is under way as the server would, as much of a CopyData as has come. */
  #streamCopy(): boolean {
    const view = this.#inbox.peek(1);
    if (view === undefined) return false;
    const { offset } = this.#inbox;
    const piece = view.subarray(offset, offset + Math.min(view.length - offset, this.#copyLeft));
    this.#inbox.skip(piece.length);
    this.#copyLeft -= piece.length;
    if (this.#copyTarget !== undefined) {
      this.#copyTarget.copyIn(piece);
      this.#run.add(piece);
    }
    return true;
  }

  #endCopy(frame: Buffer): boolean {
    if (this.#isCopyUnclear()) return this.#wait();
    if (this.#copyIn === undefined) return true;
    this.#copyIn.copyIn(frame);
    this.#copyIn = undefined;
    this.#run.add(frame);
    return true;
  }

  // ---- from the server ----

  #welcome(): void {
    if (this.#phase !== "joining" || this.#welcomed) return;
    this.#welcomed = true;
    this.out(encodeAuthentication(0, EMPTY));
  }

  out(bytes: Buffer): void {
    if (bytes.length > 0) this.#steps.push({ kind: "send", to: "client", bytes });
  }

  keepsRows(): boolean {
    return this.#answerOfHead()?.keeps === true;
  }

  row(bytes: Buffer, at: number, end: number, whole: boolean): void {
    const answer = this.#answerOfHead();
    if (answer === undefined) throw new ProtocolError("the target sent a row that no command asked for");
    answer.bytes(bytes, at, end);
    if (!whole || !answer.keeps) answer.countRows(1);
    else if (bytes[at] === DATA_ROW) answer.row(bytes, at, end);
    else answer.copyOut(bytes.subarray(at, end));
  }

  bulk(rows: number, bytes: Buffer): void {
    const answer = this.#answerOfHead();
    if (answer === undefined) throw new ProtocolError("the target sent a row that no command asked for");
    answer.bytes(bytes);
    answer.countRows(rows);
  }

  rest(bytes: Buffer): void {
    this.#answerOfHead()?.bytes(bytes);
  }

  message(bytes: Buffer, at: number, end: number): Buffer | undefined {
    switch (bytes[at] ?? 0) {
      case BIND_COMPLETE:
        this.#bound();
        return undefined;
      case COMMAND_COMPLETE:
        this.#own(bytes, at, end).complete(bytes.toString("utf8", at + HEADER, Math.max(at + HEADER, end - 1)));
        this.#completed();
        return undefined;
      case READY_FOR_QUERY:
        this.#ready(bytes, at, end);
        return undefined;
      case ROW_DESCRIPTION:
        this.#columns(bytes, at, end);
        return undefined;
      case PARSE_COMPLETE:
        if (this.#inflight.head?.kind === "again") return this.#givenAgain("parse");
        this.#parsed(this.#expect("parse"));
        return undefined;
      default:
        return this.#rareMessage(bytes.subarray(at, end));
    }
  }

  #rareMessage(frame: Buffer): Buffer | undefined {
    const letter = String.fromCharCode(frame[0] ?? 0);
    switch (letter) {
      case "S":
        this.#setting(frame);
        return undefined;
      case "A":
      case "N":
        return undefined;
      case "K":
        return this.#backendKey(frame);
      case "E":
        return this.#error(frame);
      case "3": {
        if (this.#inflight.head?.kind === "again") return this.#givenAgain("close");
        const closed = this.#expect("close");
        if (closed.what === "statement") this.#names.done(closed);
        return undefined;
      }
      case "t":
        this.#parameterTypes(frame);
        return undefined;
      case "n":
        this.#expect("describe");
        return undefined;
      case "I":
      case "s":
        this.#endOfExecute(this.#own(frame), letter === "s" ? "suspended" : "completed");
        return undefined;
      case "G":
        this.#copyIn = this.#own(frame);
        this.#inflight.dropSyncsBehindHead();
        return undefined;
      case "H":
      case "c":
        this.#own(frame);
        return undefined;
      default:
        throw new ProtocolError(`the target sent a message of type ${JSON.stringify(letter)}`);
    }
  }

  /** ParameterStatus. */
  #setting(frame: Buffer): void {
    const [name = "", value = ""] = frame.toString("utf8", HEADER).split("\0");
    if (name === "client_encoding" && value !== "UTF8") throw new Forbidden(`client_encoding became ${value}`);
    if (name === "standard_conforming_strings" && value !== "on") throw new Forbidden(`${name} became ${value}`);
    // A version that cannot be read counts as an old one.
    if (name === "server_version") this.#names.serverMajor = Math.trunc(Number.parseFloat(value)) || 0;
  }

  #answerOfHead(): Answer | undefined {
    const head = this.#inflight.head;
    return head?.kind === "query" || head?.kind === "execute" ? head.answer : undefined;
  }

  /** Adds a message to the answer that it belongs to. */
  #own(bytes: Buffer, at = 0, end = bytes.length): Answer {
    const answer = this.#answerOfHead();
    if (answer === undefined) throw new ProtocolError("the target answered a command that was not sent");
    answer.bytes(bytes, at, end);
    return answer;
  }

  #expect<K extends Pending["kind"]>(kind: K): Extract<Pending, { kind: K }> {
    const head = this.#inflight.head;
    if (head === undefined || !isKind(head, kind)) {
      throw new ProtocolError(`the target answered ${kind} where ${head?.kind ?? "nothing"} was sent`);
    }
    this.#inflight.shift();
    return head;
  }

  /** The server did what we asked by ourselves: the client gets nothing in its answer's place. */
  #givenAgain(what: "close" | "parse"): Buffer {
    const pending = this.#expect("again");
    if (pending.what !== what) throw new ProtocolError(`the target answered ${what} where ${pending.what} was sent`);
    if (what === "parse") pending.prepared.doubts = pending.doubts;
    return EMPTY;
  }

  #parsed(pending: Extract<Pending, { kind: "parse" }>): void {
    this.#names.done(pending);
    if (pending.asked === undefined) return;
    this.#finish(pending.asked);
    this.#note(pending.asked, this.#answer(pending.asked, undefined).returned("completed"));
  }

  #bound(): void {
    const { name, portal } = this.#expect("bind");
    this.#finish(portal.active);
    // Closed or replaced before it was ever executed.
    if (portal.active.pending === 0 && this.#names.portal(name) !== portal) this.#noteEnd(portal.active, "bound");
  }

  #parameterTypes(frame: Buffer): void {
    const head = this.#inflight.head;
    if (head?.kind !== "describe" || head.prepared === undefined) return;
    const types: number[] = [];
    for (let at = HEADER + 2; at + 4 <= frame.length; at += 4) types.push(frame.readUInt32BE(at));
    head.prepared.parameterTypes = types;
  }

  #columns(bytes: Buffer, at: number, end: number): void {
    const head = this.#inflight.head;
    if (head?.kind !== "describe") {
      this.#own(bytes, at, end).columns(this.#descriptions.of(bytes.subarray(at, end)));
      return;
    }
    this.#inflight.shift();
    const known = head.prepared?.described;
    const described =
      known !== undefined && bytes.compare(known.frame, 0, known.frame.length, at, end) === 0
        ? known
        : this.#describedBy(bytes.subarray(at, end));
    if (head.prepared !== undefined) head.prepared.described = described;
    if (head.portal !== undefined) head.portal.described = described;
  }

  #describedBy(frame: Buffer): Described {
    // A copy: the chunk that it lies in must not stay alive with the statement.
    return { ...this.#descriptions.of(frame), frame: Buffer.from(frame) };
  }

  /** CommandComplete came, and the answer of the head has it. */
  #completed(): void {
    const head = this.#inflight.head;
    if (head?.kind === "query") {
      this.#apply(head.active.reading.statements[head.completed]?.deeds ?? NO_DEEDS, head.active.doubts);
      head.completed += 1;
    } else if (head?.kind === "execute") {
      for (const { deeds } of head.active.reading.statements) this.#apply(deeds, head.active.doubts);
      this.#endOfExecute(head.answer, "completed");
    }
  }

  /** An Execute ended; of a Query only ReadyForQuery tells. */
  #endOfExecute(answer: Answer, outcome: "completed" | "suspended"): void {
    const head = this.#inflight.head;
    if (head?.kind !== "execute") return;
    this.#inflight.shift();
    this.#finish(head.active);
    this.#note(head.active, answer.returned(outcome));
  }

  #apply(deeds: readonly Deed[], doubts: number): void {
    this.#names.apply(deeds, doubts);
    for (const deed of deeds) {
      if (deed.kind !== "declare" && deed.kind !== "close") continue;
      // The server has one table for cursors and portals. Which one a name beyond ASCII means there cannot be told.
      if (deed.name !== undefined && isAscii(deed.name)) this.#dropPortal(deed.name);
      else for (const [name] of this.#names.portals()) this.#dropPortal(name);
    }
  }

  #ready(bytes: Buffer, at: number, end: number): void {
    const status = String.fromCharCode(bytes[at + HEADER] ?? 0);
    if (end - at !== HEADER + 1 || (status !== "I" && status !== "T" && status !== "E")) {
      throw new ProtocolError("the target's transaction status cannot be read");
    }
    this.#transaction = status;
    if (this.#phase === "joining") {
      this.#phase = "ready";
      this.#steps.push({ kind: "note", note: { type: "opened", ...this.#entrance.login, serverKey: this.#serverKey } });
      this.#stalled = true;
      return;
    }
    const head = this.#inflight.shift();
    if (head?.kind !== "sync" && head?.kind !== "query" && !(head?.kind === "poison" && head.query)) {
      throw new ProtocolError(`the target is ready where ${head?.kind ?? "nothing"} was sent`);
    }
    if (head.kind === "query") {
      this.#finish(head.active);
      this.#note(head.active, head.answer.returned("completed"));
      this.#copyIn = undefined;
    }
    if (status !== "I") return;
    this.#names.endTransaction();
    for (const [name, portal] of this.#names.portals()) if (portal.segment <= head.segment) this.#dropPortal(name);
  }

  #error(frame: Buffer): Buffer | undefined {
    const head = this.#inflight.head;
    if (head === undefined || this.#phase === "joining") return undefined;
    this.#copyIn = undefined;
    switch (head.kind) {
      case "sync":
        return undefined;
      case "query":
        this.#own(frame).error(frame);
        return undefined;
      case "poison":
        if (!head.query) this.#skipToSync();
        return decodeError(frame, HEADER).get("M")?.includes(head.nonce) === true
          ? refusalError(head.refusal)
          : undefined;
      case "bind": {
        const answer = this.#answer(head.portal.active, undefined);
        answer.bytes(frame);
        answer.error(frame);
        this.#note(head.portal.active, answer.returned("error"));
        this.#skipToSync();
        return undefined;
      }
      case "execute":
        this.#own(frame).error(frame);
        this.#note(head.active, head.answer.returned("error"));
        this.#skipToSync();
        return undefined;
      case "parse":
        if (head.asked !== undefined) {
          const answer = this.#answer(head.asked, undefined);
          answer.bytes(frame);
          answer.error(frame);
          this.#note(head.asked, answer.returned("error"));
        }
        this.#skipToSync();
        return undefined;
      case "describe":
      case "close":
      case "again":
        this.#skipToSync();
        return undefined;
    }
  }

  /** The server ignores everything up to the next Sync: what was sent of it will never be answered. */
  #skipToSync(): void {
    for (let head = this.#inflight.head; head !== undefined && head.kind !== "sync"; head = this.#inflight.head) {
      this.#inflight.shift();
      switch (head.kind) {
        case "parse":
          this.#names.skipped(head);
          if (head.asked !== undefined) {
            this.#finish(head.asked);
            this.#noteEnd(head.asked, "skipped");
          }
          break;
        case "close":
          if (head.what === "statement") this.#names.skipped(head);
          break;
        case "bind":
          this.#finish(head.portal.active);
          this.#noteEnd(head.portal.active, "skipped");
          // Another portal of that name may still stand at the server; what it would run is not known any more.
          if (this.#names.portal(head.name) === head.portal) this.#names.drop(head.name);
          break;
        case "execute":
        case "query":
          this.#finish(head.active);
          this.#noteEnd(head.active, "skipped");
          break;
        case "describe":
        case "poison":
        case "again":
          break;
      }
    }
    if (this.#inflight.head === undefined) this.#skipping = true;
  }

  #backendKey(frame: Buffer): Buffer {
    if (this.#phase !== "joining") throw new ProtocolError("the target sent a second cancel key");
    this.#serverKey = Buffer.from(frame.subarray(HEADER));
    return encodeFrame("K", Buffer.from(this.#entrance.login.cancelKey, "hex"));
  }

  #dropPortal(name: string): void {
    const portal = this.#names.drop(name);
    if (portal !== undefined && portal.active.pending === 0) this.#noteEnd(portal.active, "bound");
  }

  // ---- notes and ends ----

  #noteEnd(active: Active, outcome: "bound" | "skipped"): void {
    if (!active.noted) this.#note(active, this.#answer(active, undefined).returned(outcome));
  }

  #note(active: Active, returned: Returned): void {
    active.noted = true;
    this.#notes.push({ kind: "note", note: returned });
  }

  #tellNotes(): void {
    if (this.#notes.length === 0) return;
    for (const note of this.#notes) this.#steps.push(note);
    this.#notes.length = 0;
  }

  #take(): readonly Step[] {
    this.#tellNotes();
    const steps = this.#steps;
    this.#steps = [];
    return steps;
  }

  #guard(work: () => void): readonly Step[] {
    try {
      work();
      return this.#take();
    } catch (error) {
      if (error instanceof TooLarge) return this.#fail({ code: "54000", message: error.message });
      if (error instanceof Forbidden) return this.#fail({ code: "42501", message: error.message });
      if (!(error instanceof ProtocolError)) throw error;
      return this.#fail({ code: "08P01", message: error.message });
    }
  }

  /** Tells the client why in its own protocol, where that can still be done, and closes. */
  #fail({ code, message }: { readonly code: string; readonly message: string }): readonly Step[] {
    const before = this.#take().filter(
      (step) => step.kind === "note" || (step.kind === "send" && step.to === "client"),
    );
    const { midway } = this.#server;
    const steps: Step[] = [...before, ...this.end("client").filter((step) => step.kind === "note")];
    if (!midway) {
      const bytes = encodeError({ severity: "FATAL", code, message: `countersign: ${message}` });
      steps.push({ kind: "send", to: "client", bytes });
    }
    steps.push({ kind: "close", why: message });
    return steps;
  }
}

const EMPTY: Buffer = Buffer.alloc(0);

/** A view of one message, unless it is all there is. */
function frameAt(buffer: Buffer, from: number, length: number): Buffer {
  return from === 0 && length === buffer.length ? buffer : buffer.subarray(from, from + length);
}

class TooLarge extends Error {
  constructor(bytes: number) {
    super(`a message of ${bytes} bytes cannot be judged; the limit is ${CLIENT_FRAME_MAX}`);
  }
}

/** A setting that decides how text is read is not what it must be; going on would be reading blind. */
class Forbidden extends Error {}

function decodeParams(
  { values, formats }: ReturnType<typeof decodeBind>,
  prepared: Prepared | undefined,
): readonly (string | null)[] {
  return values.map((value, index) =>
    value === null ? null : decodeValue(value, formatOf(formats, index), prepared?.parameterTypes[index] ?? 0),
  );
}

function isKind<K extends Pending["kind"]>(pending: Pending, kind: K): pending is Extract<Pending, { kind: K }> {
  return pending.kind === kind;
}

function refusalError({ cause, message, detail, hint }: Refusal): Buffer {
  return encodeError({ severity: "ERROR", code: codeOf(cause), message, detail, hint });
}

/** SQLSTATE: insufficient_privilege, query_canceled, io_error. */
function codeOf(cause: Refusal["cause"]): string {
  switch (cause) {
    case "denied":
      return "42501";
    case "expired":
    case "withdrawn":
      return "57014";
    case "unrecorded":
      return "58030";
  }
}
