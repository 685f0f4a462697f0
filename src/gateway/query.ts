import type { Socket } from "node:net";
import { ProtocolError } from "../bytes/protocol-error.ts";
import { type Answered, AnswerReader, encodeQuestion, encodeTerminate } from "../protocols/postgres/index.ts";

// Asks a target the gateway's own questions (the catalogue of columns, how many rows a condition meets) over a connection
// of the gateway's own. Read-only transactions and statement_timeout are for the caller to ask for in its startup settings.

/** Questions that may wait behind the one under way; more means that the target is not keeping up. */
const WAITING_MAX = 64;

/** What one question was on the wire, for whoever records it. */
export interface QuestionWire {
  readonly sent: Uint8Array;
  /** Up to and with ReadyForQuery. */
  readonly received: readonly Uint8Array[];
}

export interface QueryResult {
  readonly columns: readonly string[];
  /** Values as text; null is SQL's NULL. Unmasked. */
  readonly rows: readonly (readonly (string | null)[])[];
}

/** The question was not answered. `code` is the SQLSTATE, or empty where the connection failed. The message is unmasked. */
export class QueryError extends Error {
  override readonly name = "QueryError";
  readonly code: string;

  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

interface Waiting {
  readonly resolve: (answered: Answered) => void;
  readonly reject: (error: QueryError) => void;
}

/**
 * One connection that the gateway asks its own questions over, one after another.
 *
 * Law: once a question timed out or the answer was not understood, the connection is closed and every later one fails.
 */
export class OwnConnection {
  /** Settings as the server reports them. */
  readonly reported: ReadonlyMap<string, string>;
  readonly #socket: Socket;
  readonly #reader = new AnswerReader();
  #current: Waiting | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #broken: QueryError | undefined;
  #opening: Uint8Array = new Uint8Array(0);
  /** Of the answer under way; as bounded as the reader is. */
  #received: Uint8Array[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.reported = this.#reader.reported;
    socket.on("data", this.#onData);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
  }

  /**
   * Takes over a connection that has just logged in. `rest` are the bytes behind AuthenticationOk. Throws QueryError where
   * the server does not get ready in time.
   */
  static async open(
    { socket, rest }: { readonly socket: Socket; readonly rest: Uint8Array },
    { timeoutMs }: { readonly timeoutMs: number },
  ): Promise<OwnConnection> {
    const own = new OwnConnection(socket);
    const opening: Uint8Array[] = [rest];
    const collect = (chunk: Uint8Array): number => opening.push(chunk);
    socket.on("data", collect);
    const ready = own.#answer(timeoutMs);
    own.#onData(rest);
    socket.resume();
    try {
      toResult(await ready);
    } finally {
      socket.off("data", collect);
    }
    own.#opening = Buffer.concat(opening);
    return own;
  }

  /** Asks one statement. Throws QueryError; where it was the server's own, the connection stays good. */
  async query(
    text: string,
    params: readonly (string | null)[] = [],
    { timeoutMs, onWire }: { readonly timeoutMs: number; readonly onWire?: (wire: QuestionWire) => void } = {
      timeoutMs: 10_000,
    },
  ): Promise<QueryResult> {
    if (text.includes("\0") || params.some((each) => each?.includes("\0")))
      throw new QueryError("NUL in a query", "22021");
    if (this.#waiting >= WAITING_MAX) throw new QueryError("too many questions are waiting", "");
    this.#waiting += 1;
    const turn = this.#tail;
    const mine = turn.then(async () => {
      this.#waiting -= 1;
      const answer = this.#answer(timeoutMs);
      const sent = encodeQuestion(text, params);
      this.#received = [];
      if (this.#broken === undefined) this.#socket.write(sent);
      try {
        return toResult(await answer);
      } finally {
        onWire?.({ sent, received: this.#received });
      }
    });
    // The next question waits for this one, however it ends.
    this.#tail = mine.catch(() => undefined);
    return await mine;
  }

  /** Says goodbye and closes. A question under way fails. */
  close(): void {
    if (!this.#socket.destroyed) this.#socket.end(encodeTerminate());
    this.#fail(new QueryError("the connection was closed", ""));
  }

  /**
   * Gives the socket to somebody else, paused, between two questions. `rest` are the server's bytes from AuthenticationOk
   * to its first ReadyForQuery, as if nothing had been asked since.
   */
  release(): { readonly socket: Socket; readonly rest: Uint8Array } {
    this.#broken = new QueryError("the connection was handed on", "");
    this.#socket.pause();
    this.#socket.off("data", this.#onData);
    this.#socket.off("error", this.#onError);
    this.#socket.off("close", this.#onClose);
    return { socket: this.#socket, rest: this.#opening };
  }

  async #answer(timeoutMs: number): Promise<Answered> {
    if (this.#broken !== undefined) throw this.#broken;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Answered>((resolve, reject) => {
        this.#current = { resolve, reject };
        // Closing is the surest way to cancel: the server notices it when it next writes, and its statement_timeout before.
        timer = setTimeout(() => this.#abort(new QueryError(`no answer within ${timeoutMs} ms`, "57014")), timeoutMs);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#received.push(chunk);
    try {
      let answered = this.#reader.receive(chunk);
      while (answered !== undefined) {
        const current = this.#current;
        if (current === undefined) throw new ProtocolError("an answer to no question");
        this.#current = undefined;
        current.resolve(answered);
        // Whatever is behind the answer is read now, so that it is never taken for the next one's.
        answered = this.#reader.receive(new Uint8Array(0));
      }
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause;
      this.#abort(new QueryError(cause.message, "08P01", { cause }));
    }
  };

  readonly #onError = (cause: Error): void => {
    this.#fail(new QueryError(`the connection failed: ${cause.message}`, "", { cause }));
  };

  readonly #onClose = (): void => {
    const { message, code } = this.#reader.complaint ?? { message: "the target closed the connection", code: "" };
    this.#fail(new QueryError(message, code));
  };

  #abort(error: QueryError): void {
    this.#fail(error);
    this.#socket.destroy();
  }

  #fail(error: QueryError): void {
    this.#broken ??= error;
    const current = this.#current;
    this.#current = undefined;
    current?.reject(error);
  }
}

function toResult(answered: Answered): QueryResult {
  if (answered.kind === "error") throw new QueryError(answered.message, answered.code);
  return { columns: answered.columns, rows: answered.rows };
}
