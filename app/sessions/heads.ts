/**
 * The countersigner: the C2SP witness of session heads, on the App's state. A head is checked, then saved by
 * compare-and-swap, then its cosignature goes out; so one size never gets two roots, whichever instances are asked.
 *
 * What comes while a save is under way is saved together in the next: one round trip to the database for many heads.
 */

import { isFlag, isInteger, isText, shaped } from "../../src/evidence/shape.ts";
import { type Cosigner, cosigner, type Note, parseVkey, type Verifier } from "../../src/tlog/note.ts";
import {
  type AddCheckpoint,
  conflict,
  cosigned,
  judgeHead,
  readAddCheckpoint,
  refusal,
  type WitnessAnswer,
} from "../../src/tlog/witness.ts";
import type { Context } from "../context.ts";
import { Problem, type Reply } from "../http/route.ts";
import { errorFields } from "../log.ts";
import { isConflict } from "../state/database.ts";

/** A session's log as this instance knows it; another may have moved it since. */
interface Known {
  readonly keys: readonly Verifier[];
  readonly size: number;
  readonly root: Uint8Array;
  /** POSIX seconds at which it was cosigned last: times never go back, whichever instance's clock is behind. */
  readonly atSeconds: number;
}

/** A head that was judged good and waits to be saved. */
interface Move {
  readonly origin: string;
  readonly from: Known;
  readonly to: AddCheckpoint["head"];
  readonly note: string;
  readonly atSeconds: number;
  readonly saved: (isSaved: boolean) => void;
  readonly failed: (error: unknown) => void;
}

/** Logs that are kept in memory, 200 bytes each; the one that moved longest ago goes first. */
const KNOWN_MAX = 20_000;
/** One statement moves so many: a few hundred kilobytes. */
const TOGETHER_MAX = 256;
/** Each time somebody else moved the same session; more is no race any more. */
const TRIES_MAX = 4;

export class Heads {
  readonly #context: Context;
  readonly #own: Cosigner;
  readonly #known = new Map<string, Known>();
  readonly #waiting: Move[] = [];
  #isSaving = false;

  constructor(context: Context) {
    this.#context = context;
    this.#own = cosigner(parseVkey(context.vkey).name, context.key);
  }

  /** Answers the body of one add-checkpoint request. https://c2sp.org/tlog-witness */
  async addCheckpoint(body: string): Promise<Reply> {
    const startedMs = performance.now();
    const request = readAddCheckpoint(body);
    const { metrics, log } = this.#context;
    let status = 503;
    try {
      const answer = "status" in request ? request : await this.#answer(request);
      ({ status } = answer);
      return answer;
    } catch (error) {
      // It may have been saved or not. What was not saved is not cosigned.
      log.error(errorFields(error), "a head could not be saved");
      const detail = "The head could not be saved now, so it is not cosigned. Ask for the same head again.";
      throw new Problem(503, "Not saved", detail, { retryAfter: 1, cause: error });
    } finally {
      metrics.count("countersign_heads_total", { status: String(status) });
      metrics.took("countersign_head_seconds", (performance.now() - startedMs) / 1000);
    }
  }

  async #answer(request: AddCheckpoint): Promise<WitnessAnswer> {
    const { origin, extensions } = request.head;
    // A session's log has none, and its verifiers refuse them: a session must not be able to make itself unverifiable.
    if (extensions.length > 0) return refusal(400, "a session's checkpoint has three lines and no more");
    let known = this.#known.get(origin);
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const isRemembered = known !== undefined;
      const log = known ?? (await this.#read(origin));
      if (log === "closed") return refusal(403, "the session is over: nothing more of it is cosigned");
      const judged = judgeHead(request, { keys: log?.keys ?? [], last: () => log });
      if ("status" in judged) {
        // Another instance may have moved or closed it since it was read.
        if ((judged.status !== 409 && judged.status !== 422) || !isRemembered) return judged;
      } else if (log !== undefined) {
        const atSeconds = Math.max(log.atSeconds, Math.floor(this.#context.clock() / 1000));
        const lines = this.#own.cosign(judged.text, atSeconds);
        const isSaved = await this.#save({
          origin,
          from: log,
          to: request.head,
          note: ownNote(judged, log.keys) + lines,
          atSeconds,
        });
        if (isSaved) return cosigned(lines);
      }
      this.#known.delete(origin);
      known = undefined;
    }
    const last = await this.#read(origin);
    return last === "closed" || last === undefined
      ? refusal(403, "the session is over: nothing more of it is cosigned")
      : conflict(last.size);
  }

  async #read(origin: string): Promise<Known | "closed" | undefined> {
    const [row] = await this.#context.database.rows(
      `SELECT head.size, head.root, head.closed, head.at, session.vkey
       FROM head JOIN session ON session.origin = head.origin WHERE head.origin = $1`,
      [origin],
      isHead,
    );
    if (row === undefined) return undefined;
    if (row.closed) return "closed";
    const known = { keys: [parseVkey(row.vkey)], size: row.size, root: row.root, atSeconds: Math.floor(row.at / 1000) };
    this.#remember(origin, known);
    return known;
  }

  #remember(origin: string, known: Known): void {
    this.#known.delete(origin);
    this.#known.set(origin, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
  }

  async #save(move: Pick<Move, "origin" | "from" | "to" | "note" | "atSeconds">): Promise<boolean> {
    return await new Promise<boolean>((saved, failed) => {
      this.#waiting.push({ ...move, saved, failed });
      if (!this.#isSaving) void this.#saveAll();
    });
  }

  async #saveAll(): Promise<void> {
    this.#isSaving = true;
    // The others that came with this one in the same turn are taken along.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      try {
        const moved = await this.#moveAll(group);
        for (const { origin, from, to, atSeconds, saved } of group) {
          const isSaved = moved.has(origin);
          if (isSaved) this.#remember(origin, { keys: from.keys, size: to.size, root: to.root, atSeconds });
          saved(isSaved);
        }
      } catch (error) {
        // It may have been saved or not: whoever asks again with the same head finds out.
        for (const { origin, failed } of group) {
          this.#known.delete(origin);
          failed(error);
        }
      }
    }
    this.#isSaving = false;
  }

  /** One move of each log; a second of the same waits for the next group. */
  #takeGroup(): readonly Move[] {
    const group = new Map<string, Move>();
    const rest: Move[] = [];
    for (const move of this.#waiting.splice(0)) {
      if (group.size < TOGETHER_MAX && !group.has(move.origin)) group.set(move.origin, move);
      else rest.push(move);
    }
    this.#waiting.push(...rest);
    return [...group.values()];
  }

  async #moveAll(group: readonly Move[]): Promise<ReadonlySet<string>> {
    for (let tries = 1; ; tries += 1) {
      try {
        const rows = await this.#context.database.rows(
          `UPDATE head SET size = n.size, root = decode(n.root, 'hex'), note = n.note, at = n.at
           FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::bigint[])
             AS n (origin, old_size, old_root, size, root, note, at)
           WHERE head.origin = n.origin AND head.size = n.old_size AND head.root = decode(n.old_root, 'hex')
             AND NOT head.closed
           RETURNING head.origin`,
          [
            group.map(({ origin }) => origin),
            group.map(({ from }) => from.size),
            group.map(({ from }) => hex(from.root)),
            group.map(({ to }) => to.size),
            group.map(({ to }) => hex(to.root)),
            group.map(({ note }) => note),
            group.map(({ atSeconds }) => atSeconds * 1000),
          ],
          isOrigin,
        );
        return new Set(rows.map(({ origin }) => origin));
      } catch (error) {
        // Two instances with the same sessions in another order: one of them is told to try again.
        if (!isConflict(error) || tries >= TRIES_MAX) throw error;
      }
    }
  }
}

/**
 * The note with the session's own signature alone. Lines of other keys are ignored when it is cosigned, but kept they would take
 * the room that ours needs: a note that has no room left could be entered in no log.
 */
function ownNote({ text, signatures }: Note, keys: readonly Verifier[]): string {
  const lines = keys.map(({ name, keyId }) => {
    const own = signatures.find((each) => each.name === name && each.keyId === keyId);
    const bytes = Buffer.concat([Buffer.from(keyId, "hex"), own?.bytes ?? Buffer.alloc(0)]);
    return `\u2014 ${name} ${bytes.toString("base64")}\n`;
  });
  return `${text}\n${lines.join("")}`;
}

const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;
const isHead = shaped({ size: isInteger, root: isBytes, closed: isFlag, at: isInteger, vkey: isText });
const isOrigin = shaped({ origin: isText });

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
