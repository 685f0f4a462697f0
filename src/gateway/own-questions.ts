import { hash, randomBytes } from "node:crypto";
import type { SqlReader } from "../languages/sql/reading.ts";
import { EMPTY_SESSION } from "../languages/sql/taken-session.ts";
import type { CommandId } from "../model/command.ts";
import { answerOf, questionIdentity } from "../protocols/postgres/index.ts";
import type { Returned } from "../protocols/protocol.ts";
import type { Dialled } from "./dial.ts";
import { OwnConnection, QueryError, type QueryResult, type QuestionWire } from "./query.ts";
import type { Session } from "./session.ts";

// A connection on which the gateway asks questions of its own. They are recorded as a client's commands are: what was
// sent before it is sent, what came back, byte for byte by digest. Only the values of answers are left out.

const KEY_BYTES = 16;

export interface OwnParts {
  readonly session: Session;
  readonly target: string;
  /** The connection's number in the session. */
  readonly number: number;
  readonly purpose: "preview" | "catalogue";
  readonly about: { readonly user: string; readonly database: string };
  readonly reader: SqlReader;
}

export class OwnQuestions {
  readonly #parts: OwnParts;
  readonly #own: OwnConnection;
  #commands = 0;
  #sent = 0;
  #received = 0;

  private constructor(parts: OwnParts, own: OwnConnection) {
    this.#parts = parts;
    this.#own = own;
  }

  /** Takes over a connection that has just logged in. Throws QueryError, or JournalError when it cannot be recorded. */
  static async open(parts: OwnParts, dialled: Dialled, timeoutMs: number): Promise<OwnQuestions> {
    const own = await OwnConnection.open(dialled, { timeoutMs });
    parts.session.recorder.opened(parts.number, {
      target: parts.target,
      purpose: parts.purpose,
      opened: { ...parts.about, application: `countersign ${parts.purpose}` },
      tls: { client: false, target: dialled.encrypted },
    });
    return new OwnQuestions(parts, own);
  }

  /** Asks one question. Throws QueryError. */
  async query(text: string, params: readonly (string | null)[] = [], timeoutMs = 10_000): Promise<QueryResult> {
    const { session, number, target, purpose, reader } = this.#parts;
    const { recorder, turn } = session;
    this.#commands += 1;
    const id = `${number}/${this.#commands}` as const;
    const reading = reader.read(text, EMPTY_SESSION);
    const { effects, objects, bounded, why, slots } = reading;
    recorder.seen(number, target, {
      id,
      protocol: "postgres",
      text,
      textKey: {},
      params,
      slots,
      effects,
      objects,
      bounded,
      why,
      bytes: questionIdentity(text, params),
      inTransaction: false,
      unservable: "",
    });
    const reason = { rule: purpose, message: "The gateway's own question.", matched: [] };
    recorder.decided(number, id, { kind: "allow", reason });
    recorder.settled(number, id, { kind: "release" });
    session.log.flush();
    const since = performance.now();
    let wire: QuestionWire | undefined;
    let code = "";
    try {
      return await this.#own.query(text, params, { timeoutMs, onWire: (seen) => (wire = seen) });
    } catch (error) {
      code = error instanceof QueryError && error.code !== "" ? error.code : "XX000";
      throw error;
    } finally {
      this.#sent += wire?.sent.length ?? 0;
      for (const chunk of wire?.received ?? []) this.#received += chunk.length;
      const tookUs = Math.round((performance.now() - since) * 1000);
      recorder.returned(number, target, returned(id, code, wire?.received ?? []), { objects, tookUs });
      turn.wake();
    }
  }

  /** Closes it and records that. */
  close(why: string): void {
    this.#own.close();
    const { session, number } = this.#parts;
    session.recorder.closed(number, { commands: this.#commands, received: this.#received, sent: this.#sent, why });
  }
}

function returned(id: CommandId, code: string, received: readonly Uint8Array[]): Returned {
  const { bytes, rows, tags } = answerOf(received);
  const key = randomBytes(KEY_BYTES);
  return {
    type: "returned",
    id,
    execution: 1,
    outcome: code === "" ? "completed" : "error",
    code,
    summary: tags,
    rows,
    bytes: bytes.length,
    digest: hash("sha256", Buffer.concat([key, bytes]), "base64url"),
    key,
    results: [],
    truncated: true,
    copiedBytes: 0,
    copiedDigest: "",
  };
}
