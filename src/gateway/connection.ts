import type { Socket } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { JournalError } from "../journal/ports.ts";
import type { Command, CommandId } from "../model/command.ts";
import type { Ruling } from "../model/decision.ts";
import type { Conversation, Note, Step } from "../protocols/protocol.ts";
import type { Dialled } from "./dial.ts";
import type { Judge } from "./judge.ts";
import type { Session } from "./session.ts";
import type { Party } from "./turn.ts";

// Carries one client connection: moves bytes between two sockets and a conversation, and does what its steps say.
// It reads no byte of the protocol. Nothing goes to the target before the turn in which it was recorded has ended.

/** Bytes that may wait for one side before the other is not read any more. */
const WAITING_MAX = 1024 * 1024;

/** How long a client whose connection ends may take to read why. */
const LINGER_MS = 500;

/** How long a client may take from its first byte to a proved password. */
const ENTRANCE_MS_MAX = 30_000;

interface Running {
  readonly command: Command;
  /** When it was released to the target, by a clock that never goes back; undefined before. */
  atMs: number | undefined;
}

export interface ConnectionParts {
  readonly number: number;
  readonly target: string;
  readonly session: Session;
  readonly judge: Judge;
  readonly conversation: Conversation;
  /** Connects and logs in to the target. */
  readonly dial: (startup: ReadonlyMap<string, string>) => Promise<Dialled & { readonly searchPath: string }>;
  readonly certificate: { readonly certPem: string; readonly keyPem: string };
  readonly cancel: (key: string) => void;
  readonly opened: (cancelKey: string, connection: Connection) => void;
  readonly closed: (connection: Connection) => void;
}

export class Connection implements Party {
  readonly number: number;
  readonly target: string;
  readonly #parts: ConnectionParts;
  readonly #conversation: Conversation;
  #client: Socket;
  #server: Socket | undefined;
  #dialled: (Dialled & { readonly searchPath: string }) | undefined;
  #steps: Step[] = [];
  #performing = false;
  #outgoing: Uint8Array[] = [];
  #outgoingBytes = 0;
  #queued = false;
  readonly #running = new Map<CommandId, Running>();
  #held: CommandId | undefined;
  #commands = 0;
  #received = 0;
  #sent = 0;
  /** Which sides flow. */
  readonly #reads = { client: true, server: true };
  #ended = false;
  #open = false;
  #purpose: "client" | "cancel" = "client";
  #clientEncrypted = false;
  #serverKey: Uint8Array = new Uint8Array(0);
  #cancelKey = "";
  readonly #entrance: NodeJS.Timeout;

  constructor(client: Socket, parts: ConnectionParts) {
    this.number = parts.number;
    this.target = parts.target;
    this.#parts = parts;
    this.#conversation = parts.conversation;
    this.#client = client;
    this.#entrance = setTimeout(() => this.#close("the client did not log in in time"), ENTRANCE_MS_MAX);
    this.#listenClient();
    this.#perform(this.#conversation.begin());
  }

  /** What cancels the running command of this connection at the target; undefined before it is known. */
  get cancellation(): { readonly dialled: Dialled; readonly key: Uint8Array } | undefined {
    if (this.#dialled === undefined || this.#serverKey.length === 0) return undefined;
    return { dialled: this.#dialled, key: this.#serverKey };
  }

  get cancelKey(): string {
    return this.#cancelKey;
  }

  /** The command that waits for people on this connection. */
  get held(): CommandId | undefined {
    return this.#held;
  }

  /** Party: the turn's record is safe. */
  recorded(): void {
    this.#queued = false;
    const server = this.#server;
    if (server === undefined || this.#outgoing.length === 0) {
      if (this.#ended) this.#destroy();
      return;
    }
    const [first] = this.#outgoing;
    if (this.#outgoing.length === 1 && first !== undefined) server.write(first);
    else {
      server.cork();
      for (const bytes of this.#outgoing) server.write(bytes);
      server.uncork();
    }
    this.#sent += this.#outgoingBytes;
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    if (this.#ended) this.#destroy();
    else this.#pace();
  }

  /** Party: the record was lost, and with it every byte that waited for it. */
  unrecorded(): void {
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    this.#destroy();
  }

  /** Waiter: the head that covers this command is countersigned. */
  countersigned(id: CommandId): void {
    this.settle(id, RELEASE);
  }

  /** The ruling on a command this connection asked about. */
  settle(id: CommandId, ruling: Ruling): void {
    if (this.#ended) return;
    if (this.#held === id) this.#held = undefined;
    if (ruling.kind === "refuse") this.#running.delete(id);
    else {
      const running = this.#running.get(id);
      if (running !== undefined) running.atMs = performance.now();
    }
    this.#perform(this.#conversation.settle(id, ruling));
    // Where it is settled while its message is read, that reading ends with it.
    if (!this.#performing) this.#pace();
  }

  /** Tells the client something, in its own protocol, while it waits. */
  tell(message: string): void {
    if (this.#ended) return;
    this.#perform(this.#conversation.tell(message));
  }

  /** The session cannot go on: both sides are closed, after the client was told where that can be done. */
  abort(why: string): void {
    if (this.#ended) return;
    this.#perform(this.#conversation.unreachable(why));
    this.#destroy();
  }

  #listenClient(): void {
    const client = this.#client;
    client.setNoDelay(true);
    client.on("data", (chunk: Buffer) => this.#receive("client", chunk));
    client.on("drain", () => this.#pace());
    client.on("error", () => this.#leave("client"));
    client.on("close", () => this.#leave("client"));
    client.on("end", () => this.#leave("client"));
  }

  #listenServer(server: Socket): void {
    server.setNoDelay(true);
    server.on("data", (chunk: Buffer) => this.#receive("server", chunk));
    server.on("drain", () => this.#pace());
    server.on("error", () => this.#leave("server"));
    server.on("close", () => this.#leave("server"));
    server.on("end", () => this.#leave("server"));
  }

  #receive(from: "client" | "server", chunk: Buffer): void {
    if (this.#ended) return;
    if (from === "server") this.#received += chunk.length;
    this.#perform(this.#conversation.receive(from, chunk));
    this.#pace();
  }

  /** Does the steps in order. A step may lead to more (an allowed command settles at once); they queue, not recurse. */
  #perform(steps: readonly Step[]): void {
    for (const step of steps) this.#steps.push(step);
    if (this.#performing) return;
    this.#performing = true;
    for (let index = 0; index < this.#steps.length; index += 1) {
      const step = this.#steps[index];
      if (step !== undefined) this.#do(step);
    }
    this.#steps.length = 0;
    this.#performing = false;
  }

  #do(step: Step): void {
    switch (step.kind) {
      case "send":
        if (step.to === "client") this.#client.write(step.bytes);
        else this.#queue(step.bytes);
        return;
      case "ask":
        this.#ask(step.command);
        return;
      case "note":
        this.#note(step.note);
        return;
      case "secure":
        this.#secure(step.unread);
        return;
      case "dial":
        clearTimeout(this.#entrance);
        void this.#dial(step.startup);
        return;
      case "cancel":
        this.#purpose = "cancel";
        this.#parts.cancel(step.key);
        return;
      case "close":
        this.#close(step.why);
    }
  }

  #queue(bytes: Uint8Array): void {
    this.#outgoing.push(bytes);
    this.#outgoingBytes += bytes.length;
    if (this.#queued) return;
    this.#queued = true;
    this.#parts.session.turn.add(this);
  }

  #ask(command: Command): void {
    this.#commands += 1;
    this.#running.set(command.id, { command, atMs: undefined });
    if (this.#parts.judge.judge(this, command) === "held") this.#held = command.id;
  }

  #note(note: Note): void {
    const { session } = this.#parts;
    try {
      if (note.type === "opened") {
        this.#open = true;
        this.#serverKey = note.serverKey;
        this.#cancelKey = note.cancelKey;
        session.recorder.opened(this.number, {
          target: this.target,
          purpose: "client",
          opened: note,
          tls: { client: this.#clientEncrypted, target: this.#dialled?.encrypted ?? false },
          searchPath: this.#dialled?.searchPath ?? "",
        });
        this.#parts.opened(note.cancelKey, this);
        session.turn.wake();
      } else {
        const running = this.#running.get(note.id);
        if (note.outcome !== "suspended") this.#running.delete(note.id);
        session.recorder.returned(this.number, this.target, note, {
          objects: running?.command.objects ?? [],
          tookUs: running?.atMs === undefined ? 0 : Math.round((performance.now() - running.atMs) * 1000),
        });
        this.#parts.judge.returned(this, note);
        session.turn.soon();
      }
    } catch (error) {
      if (!(error instanceof JournalError)) throw error;
      session.fail(error);
    }
  }

  #secure(unread: Uint8Array): void {
    const plain = this.#client;
    for (const event of ["data", "drain", "error", "close", "end"]) plain.removeAllListeners(event);
    plain.on("error", () => this.#leave("client"));
    // Paused, or what is put back would flow to nobody; the new socket takes what is buffered when it is made.
    plain.pause();
    if (unread.length > 0) plain.unshift(Buffer.from(unread));
    const secure = new TLSSocket(plain, {
      isServer: true,
      secureContext: contextOf(this.#parts.certificate),
      ALPNProtocols: ["postgresql"],
    });
    this.#client = secure;
    this.#reads.client = true;
    this.#clientEncrypted = true;
    secure.once("secure", () => {
      // Direct negotiation must name the protocol, or bytes of another one could be taken for ours (ALPACA).
      if (unread.length > 0 && secure.alpnProtocol !== "postgresql") this.#close("direct TLS without ALPN postgresql");
      else this.#perform(this.#conversation.secured());
    });
    this.#listenClient();
  }

  async #dial(startup: ReadonlyMap<string, string>): Promise<void> {
    try {
      const dialled = await this.#parts.dial(startup);
      if (this.#ended) {
        dialled.socket.destroy();
        return;
      }
      this.#dialled = dialled;
      this.#server = dialled.socket;
      // Whoever logged in has stopped it, so that no byte is lost in between.
      this.#reads.server = false;
      this.#listenServer(dialled.socket);
      this.#received += dialled.rest.length;
      this.#perform(this.#conversation.receive("server", dialled.rest));
      this.#pace();
    } catch (error) {
      this.#perform(
        this.#conversation.unreachable(error instanceof Error ? error.message : "the target cannot be reached"),
      );
    }
  }

  #leave(from: "client" | "server"): void {
    if (this.#ended) return;
    this.#perform(this.#conversation.end(from));
  }

  /** Reads a side only while what it says can go on; both directions, so memory stays bounded whatever the sizes. */
  #pace(): void {
    if (this.#ended) return;
    const server = this.#server;
    const toServer = this.#outgoingBytes + (server?.writableLength ?? 0);
    const readsClient = toServer < WAITING_MAX && this.#conversation.wants("client");
    if (readsClient !== this.#reads.client) {
      this.#reads.client = readsClient;
      if (readsClient) this.#client.resume();
      else this.#client.pause();
    }
    if (server === undefined) return;
    const readsServer = this.#client.writableLength < WAITING_MAX;
    if (readsServer !== this.#reads.server) {
      this.#reads.server = readsServer;
      if (readsServer) server.resume();
      else server.pause();
    }
  }

  #close(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#entrance);
    const { session, judge } = this.#parts;
    judge.withdraw(this);
    try {
      if (this.#purpose === "cancel") {
        session.recorder.opened(this.number, {
          target: this.target,
          purpose: "cancel",
          opened: { user: "", database: "", application: "" },
          tls: { client: this.#clientEncrypted, target: false },
        });
      }
      if (this.#open || this.#purpose === "cancel") {
        session.recorder.closed(this.number, {
          commands: this.#commands,
          received: this.#received,
          sent: this.#sent + this.#outgoingBytes,
          why,
        });
      }
    } catch (error) {
      if (!(error instanceof JournalError)) throw error;
      session.fail(error);
    }
    this.#parts.closed(this);
    if (!this.#queued) session.turn.add(this);
    this.#queued = true;
  }

  #destroy(): void {
    const client = this.#client;
    // What it still sends is read and thrown away for a while: a close upon unread bytes would take our last word from it.
    client.end();
    client.resume();
    setTimeout(() => client.destroy(), LINGER_MS).unref();
    this.#server?.destroySoon();
    this.#ended = true;
  }
}

const RELEASE: Ruling = { kind: "release" };

function contextOf({ certPem, keyPem }: { readonly certPem: string; readonly keyPem: string }): SecureContext {
  return createSecureContext({ cert: certPem, key: keyPem, minVersion: "TLSv1.2" });
}
