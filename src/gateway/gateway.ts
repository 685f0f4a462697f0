import { connect, createServer, type Server, type Socket } from "node:net";
import type { Impact } from "../approval/ports.ts";
import type { SqlReader } from "../languages/sql/reading.ts";
import type { Command } from "../model/command.ts";
import type { Target } from "../protocols/postgres/index.ts";
import type { Foresight, Protocol } from "../protocols/protocol.ts";
import { readCatalog } from "./catalog.ts";
import type { SessionCertificate } from "./certificate.ts";
import { Connection } from "./connection.ts";
import { type Dialled, dial } from "./dial.ts";
import type { Judge } from "./judge.ts";
import { OwnQuestions } from "./own-questions.ts";
import { Preview } from "./preview.ts";
import { dialForClient } from "./search-path.ts";
import type { Session } from "./session.ts";

// Listens for the job's clients, one port per target, and carries each connection to its target.

/** Connections at once, over all targets. A job that needs more is leaking them. */
const CONNECTIONS_MAX = 1_000;

/** A catalogue of 100,000 columns comes in a second. */
const CATALOGUE_MS_MAX = 10_000;

/** What the job is told of a target: where to connect and what to say. Not the target's own credential. */
export interface Endpoint {
  readonly name: string;
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface Listening {
  readonly target: Target;
  readonly protocol: Protocol;
  readonly recordBytesMax: number;
}

export interface GatewayParts {
  readonly session: Session;
  readonly judge: Judge;
  readonly targets: readonly Listening[];
  readonly certificate: SessionCertificate;
  /** What clients must say: made for this session. */
  readonly password: string;
  readonly random: (count: number) => Uint8Array;
  /** Reads the gateway's own questions, so that they are masked as a client's are. */
  readonly reader: SqlReader;
  /** Port per target; 0 takes any that is free. */
  readonly portOf?: (target: string) => number;
}

export class Gateway {
  readonly #parts: GatewayParts;
  readonly #servers: Server[] = [];
  readonly #connections = new Set<Connection>();
  readonly #byCancelKey = new Map<string, Connection>();
  readonly #previews = new Map<string, Preview>();
  #numbers = 0;
  #ending = false;
  #emptied: (() => void) | undefined;

  constructor(parts: GatewayParts) {
    this.#parts = parts;
  }

  /** Learns a target's tables, so that values of masked columns are known by where they come from. */
  async learn({ target }: Listening): Promise<void> {
    this.#numbers += 1;
    const { session, reader } = this.#parts;
    const { name, user, database } = target;
    const about = { user, database };
    const dialled = await dial(target, new Map([["application_name", this.#named("catalogue")]]));
    const parts = { session, target: name, number: this.#numbers, purpose: "catalogue", about, reader } as const;
    const own = await OwnQuestions.open(parts, dialled, CATALOGUE_MS_MAX);
    try {
      session.recorder.learn(name, await readCatalog(own));
    } finally {
      own.close("the catalogue was read");
    }
  }

  /** Opens the ports. Rejects when one cannot be had. */
  async listen(): Promise<readonly Endpoint[]> {
    const endpoints: Endpoint[] = [];
    for (const listening of this.#parts.targets) {
      const { target } = listening;
      const server = createServer({ pauseOnConnect: false, noDelay: true }, (socket) =>
        this.#accept(socket, listening),
      );
      this.#servers.push(server);
      // oxlint-disable-next-line no-await-in-loop -- a handful of ports, and errors name the one at fault
      const port = await listenOn(server, this.#parts.portOf?.(target.name) ?? 0);
      endpoints.push({
        name: target.name,
        protocol: listening.protocol.name,
        host: "127.0.0.1",
        port,
        user: target.user,
        password: this.#parts.password,
        database: target.database,
      });
    }
    return endpoints;
  }

  /** A number for a connection that nothing is connected by: that of a plan. */
  number(): number {
    this.#numbers += 1;
    return this.#numbers;
  }

  /** What a client would send to run a text; undefined for a target that there is not. */
  foresee(name: string, text: string, how: "file" | "whole"): Foresight | undefined {
    return this.#parts.targets.find(({ target }) => target.name === name)?.protocol.foresee(text, how);
  }

  /** What a held command would touch. */
  async impactOf(name: string, command: Command): Promise<Impact> {
    const listening = this.#parts.targets.find(({ target }) => target.name === name);
    if (listening === undefined) return { estimated: -1, counted: -1, note: "no such target" };
    let preview = this.#previews.get(name);
    if (preview === undefined) {
      this.#numbers += 1;
      const { user, database } = listening.target;
      preview = new Preview(
        {
          session: this.#parts.session,
          target: name,
          number: this.#numbers,
          purpose: "preview",
          about: { user, database },
          reader: this.#parts.reader,
        },
        async () => await dial(listening.target, new Map([["application_name", this.#named("preview")]])),
      );
      this.#previews.set(name, preview);
    }
    return await preview.impactOf(command);
  }

  /** Stops taking connections, ends those there are, and resolves when all are closed and recorded. */
  async close(why: string): Promise<void> {
    this.#ending = true;
    for (const server of this.#servers) server.close();
    for (const connection of this.#connections) connection.abort(why);
    if (this.#connections.size > 0) await new Promise<void>((resolve) => (this.#emptied = resolve));
    await Promise.all([...this.#previews.values()].map(async (preview) => await preview.close()));
  }

  /** The session failed: nothing goes on. */
  abort(why: string): void {
    this.#ending = true;
    for (const server of this.#servers) server.close();
    for (const connection of this.#connections) connection.abort(why);
  }

  #accept(socket: Socket, { target, protocol, recordBytesMax }: Listening): void {
    if (this.#ending || this.#connections.size >= CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    this.#numbers += 1;
    const { session, judge, certificate, password, random } = this.#parts;
    const connection = new Connection(socket, {
      number: this.#numbers,
      target: target.name,
      session,
      judge,
      conversation: protocol.open({
        connection: this.#numbers,
        user: target.user,
        database: target.database,
        password,
        certificateHash: certificate.hash,
        random,
        recordBytesMax,
      }),
      dial: async (startup) => await dialForClient(target, startup),
      certificate,
      cancel: (key) => this.#cancel(key),
      opened: (cancelKey, opened) => this.#byCancelKey.set(cancelKey, opened),
      closed: (closed) => this.#closed(closed),
    });
    this.#connections.add(connection);
  }

  #closed(connection: Connection): void {
    this.#connections.delete(connection);
    if (connection.cancelKey !== "") this.#byCancelKey.delete(connection.cancelKey);
    if (this.#connections.size === 0) this.#emptied?.();
  }

  /** A held command is withdrawn; a running one is cancelled at the target, by the key that the target gave. */
  #cancel(key: string): void {
    const connection = this.#byCancelKey.get(key);
    if (connection === undefined) return;
    if (this.#parts.judge.withdraw(connection)) return;
    const known = connection.cancellation;
    if (known !== undefined) sendCancel(known.dialled, known.key);
  }

  #named(purpose: string): string {
    return `countersign ${purpose} ${this.#parts.session.sid}`;
  }
}

const CANCEL_MS_MAX = 5_000;

/** CancelRequest, section 54.2.9: a connection of its own, in the clear as every libpq before 17 sends it. */
function sendCancel({ socket, path }: Dialled, key: Uint8Array): void {
  const packet = Buffer.alloc(8 + key.length);
  packet.writeUInt32BE(packet.length, 0);
  packet.writeUInt32BE((1234 << 16) | 5678, 4);
  packet.set(key, 8);
  const { remoteAddress, remotePort } = socket;
  if (path === "" && (remoteAddress === undefined || remotePort === undefined)) return;
  const cancel = connect(path === "" ? { host: remoteAddress, port: remotePort ?? 0 } : { path });
  cancel.setTimeout(CANCEL_MS_MAX, () => cancel.destroy());
  cancel.on("error", () => cancel.destroy());
  cancel.end(packet);
}

async function listenOn(server: Server, port: number): Promise<number> {
  return await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port }, () => {
      server.off("error", reject);
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("no port"));
      else resolve(address.port);
    });
  });
}
