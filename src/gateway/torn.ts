// The files of a session whose gateway died: how much of them can be believed, and what the record says of the rest.

import { decodeUtf8 } from "../evidence/dsse.ts";
import { type KnownEvent, parseEvent } from "../evidence/event-shapes.ts";
import { LineEncoder } from "../journal/line.ts";
import { parseCheckpoint, parseNote } from "../tlog/note.ts";

/** A session's events as far as they are whole. */
export interface Salvaged {
  /** Whole lines, from the first on. */
  readonly events: Buffer;
  readonly first: KnownEvent | undefined;
  readonly last: KnownEvent | undefined;
  readonly size: number;
  /** Bytes behind them: a torn line, zeros, or lines that are damaged and all that follow. */
  readonly cutBytes: number;
  /** Commands that were seen and have no end: `released` if a release stands in the journal. */
  readonly open: readonly { readonly cmd: string; readonly conn: number; readonly released: boolean }[];
}

const NEWLINE = 10;

/** More commands than this are counted and not named. A pipeline may have thousands in flight. */
const NAMED_MAX = 100;

/** Longer than any pointer that a gateway writes. */
const PTR_BYTES_MAX = 200;

/** How the note of a recovery begins, by which a later recovery knows it. */
const RECOVERED = "the session has no end: its gateway died";

/** Keeps lines up to the first that is no event of this session in its order. */
export function salvage(file: Buffer): Salvaged {
  const open = new Map<string, { conn: number; released: boolean }>();
  /** Connections of plans, whose statements have no end of their own. */
  const plans = new Set<number>();
  let first: KnownEvent | undefined;
  let last: KnownEvent | undefined;
  let size = 0;
  let at = 0;
  for (let end = file.indexOf(NEWLINE); end !== -1; end = file.indexOf(NEWLINE, at)) {
    const line = decodeUtf8(file.subarray(at, end));
    const event = line === undefined ? "not UTF-8" : parseEvent(line);
    if (typeof event === "string" || event.seq !== size || (first !== undefined && event.sid !== first.sid)) break;
    first ??= event;
    last = event;
    size += 1;
    at = end + 1;
    if (event.type === "connection.opened" && event.body.purpose === "plan") plans.add(event.conn);
    if (!plans.has(event.conn)) follow(open, event);
  }
  return {
    events: file.subarray(0, at),
    first,
    last,
    size,
    cutBytes: file.length - at,
    open: Array.from(open, ([cmd, { conn, released }]) => ({ cmd, conn, released })),
  };
}

function follow(open: Map<string, { conn: number; released: boolean }>, { type, body, conn }: KnownEvent): void {
  if (type === "command.seen") open.set(body.cmd, { conn, released: false });
  else if (type === "command.settled") {
    if (body.ruling === "refuse") open.delete(body.cmd);
    else open.set(body.cmd, { conn, released: true });
  }
  // One that is suspended may go on, and says so with another return.
  else if (type === "command.returned" && body.outcome !== "suspended") open.delete(body.cmd);
}

/**
 * The lines that a recovery adds: that there is no end, how much was cut off, and which commands have none. Nothing is
 * added to a session that ended, and nothing again to one that a recovery added to and that lost nothing since.
 * `unrecorded`: requests whose signed answer no event speaks of.
 */
export function linesOfRecovery(
  { first, last, size, cutBytes, open }: Salvaged,
  { at, unrecorded }: { readonly at: string; readonly unrecorded: readonly string[] },
): string {
  if (first === undefined || last?.type === "session.ended") return "";
  if (last?.type === "gap" && last.body.what.startsWith(RECOVERED) && cutBytes === 0) return "";
  const encoder = new LineEncoder(first.sid);
  const lines: string[] = [];
  const add = (conn: number, cmd: string, what: string): void => {
    lines.push(`${encoder.encode("gap", { at, conn, seq: size + lines.length }, { cmd, what })}\n`);
  };
  for (const { cmd, conn, released } of open.slice(0, NAMED_MAX)) {
    add(conn, cmd, released ? "released; whether it was sent, and what came of it, is not known" : "not released");
  }
  for (const request of unrecorded.slice(0, NAMED_MAX)) {
    add(0, "", `an answer to request ${request} was signed and not recorded, so nothing followed from it`);
  }
  const rest = open.length - NAMED_MAX;
  if (rest > 0) add(0, "", `${rest} more commands have no end`);
  const cut = cutBytes === 0 ? "" : `; ${cutBytes} bytes behind the last whole line were cut off`;
  add(0, "", `${RECOVERED}${cut}`);
  return lines.join("");
}

/** Disclosures of the first `size` events. A torn line goes, and its value with it; so do values of events that were cut off. */
export function salvageDisclosures(file: Buffer, size: number): Buffer {
  const kept: Buffer[] = [];
  let at = 0;
  for (let end = file.indexOf(NEWLINE); end !== -1; end = file.indexOf(NEWLINE, at)) {
    const line = file.subarray(at, end + 1);
    // A line is canonical JSON whose last field is `ptr`, and a pointer begins with the event's seq.
    const seq = /"ptr":"\/([0-9]{1,15})\/[^"]*"\}\n$/.exec(
      line.toString("latin1", Math.max(0, line.length - PTR_BYTES_MAX)),
    )?.[1];
    if (seq !== undefined && Number(seq) < size) kept.push(line);
    at = end + 1;
  }
  return Buffer.concat(kept);
}

/** Whole heads of no more than `size` events, and the size of the last. They are signed, so what is left needs no belief. */
export function salvageHeads(file: string, size: number): { readonly text: string; readonly size: number } {
  const whole: string[] = [];
  let covered = 0;
  for (const note of file.split("\n---\n")) {
    const head = sizeOf(note);
    if (head === undefined || head <= covered || head > size) break;
    whole.push(note);
    covered = head;
  }
  return { text: whole.join("\n---\n"), size: covered };
}

function sizeOf(note: string): number | undefined {
  try {
    const { text, signatures } = parseNote(note);
    // The gateway's and the countersigner's: with one of them it was cut between the two.
    return signatures.length < 2 ? undefined : parseCheckpoint(text).size;
  } catch {
    return undefined;
  }
}
