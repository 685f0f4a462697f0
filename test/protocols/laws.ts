import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Command } from "../../src/model/command.ts";
import type { Ruling } from "../../src/model/decision.ts";
import type { Conversation, Note, Protocol, Step } from "../../src/protocols/protocol.ts";

// The promises that every protocol keeps. Each protocol's test file calls `describeLaws` with its own samples and with a
// server that answers as a real one does, so far as the laws need it.

export interface Run {
  readonly asked: readonly Command[];
  readonly toServer: Buffer;
  readonly toClient: Buffer;
  readonly notes: readonly Note[];
  readonly closed: string | undefined;
}

/** A server of the protocol: takes what the gateway sends, gives what it answers. */
export interface FakeServer {
  /** What it says when the log-in is done. */
  greet(): Uint8Array;
  receive(bytes: Uint8Array): Uint8Array;
}

export interface Samples {
  readonly open: () => Conversation;
  /** A client that logs in and then sends these bytes: given what the gateway said, gives what to send next. */
  readonly logIn: () => (said: Uint8Array) => Uint8Array | undefined;
  readonly server: () => FakeServer;
  /** Client bytes behind the log-in that a server accepts. */
  readonly legal: Readonly<Record<string, Uint8Array>>;
  /** Client bytes behind the log-in that no server should be shown. */
  readonly illegal: Readonly<Record<string, Uint8Array>>;
  /** The bytes of a command that could make it run, as they must never reach the server when it is refused. */
  readonly dangerous: (toServer: Buffer) => readonly string[];
}

const REFUSE: Ruling = { kind: "refuse", cause: "denied", message: "no", detail: "", hint: "" };

type Rule = (command: Command) => Ruling | "nothing";

/** Logs in and plays `pieces` as the client's bytes; `rule` rules on every command, or leaves it held. */
export function play(samples: Samples, pieces: readonly Uint8Array[], rule: Rule): Run {
  const conversation = samples.open();
  const server = samples.server();
  const answer = samples.logIn();
  const asked: Command[] = [];
  const notes: Note[] = [];
  const toServer: Buffer[] = [];
  const toClient: Buffer[] = [];
  let closed: string | undefined;
  let ready = false;
  const queue: Step[] = [];
  const replies: Uint8Array[] = [];
  let performing = false;
  // As the carrier does: steps in the order they were made, what they lead to behind them, the server's word last.
  const perform = (steps: readonly Step[]): void => {
    queue.push(...steps);
    if (performing) return;
    performing = true;
    for (;;) {
      const step = queue.shift();
      if (step !== undefined) {
        act(step);
        continue;
      }
      const reply = replies.shift();
      if (reply === undefined) break;
      queue.push(...conversation.receive("server", reply));
    }
    performing = false;
  };
  const act = (step: Step): void => {
    switch (step.kind) {
      case "close":
        closed ??= step.why;
        return;
      case "note":
        notes.push(step.note);
        return;
      case "dial":
        replies.push(server.greet());
        return;
      case "send": {
        if (step.to === "server") {
          toServer.push(Buffer.from(step.bytes));
          const reply = server.receive(step.bytes);
          if (reply.length > 0) replies.push(reply);
          return;
        }
        if (ready) toClient.push(Buffer.from(step.bytes));
        const next = ready ? undefined : answer(step.bytes);
        if (next !== undefined) queue.push(...conversation.receive("client", next));
        return;
      }
      case "ask": {
        asked.push(step.command);
        const ruling = step.command.unservable === "" ? rule(step.command) : REFUSE;
        if (ruling !== "nothing") queue.push(...conversation.settle(step.command.id, ruling));
        return;
      }
      case "secure":
      case "cancel":
        return;
    }
  };
  perform(conversation.begin());
  const hello = answer(new Uint8Array(0));
  if (hello !== undefined) perform(conversation.receive("client", hello));
  ready = true;
  for (const piece of pieces) perform(conversation.receive("client", piece));
  return { asked, toServer: Buffer.concat(toServer), toClient: Buffer.concat(toClient), notes, closed };
}

export const release: Rule = () => ({ kind: "release" });
export const refuse: Rule = () => REFUSE;
export const nothing: Rule = () => "nothing";

/** The promises every protocol keeps. */
export function describeLaws({ name }: Pick<Protocol, "name">, samples: Samples): void {
  describe(`${name} keeps the laws`, () => {
    it.each(Object.entries(samples.legal))("%s: reads the same however the stream is cut", (_name, stream) => {
      const whole = play(samples, [stream], release);
      expect(whole.closed).toBeUndefined();
      expect(whole.asked).not.toHaveLength(0);
      fc.assert(
        fc.property(cuts(stream), (pieces) => {
          const cut = play(samples, pieces, release);
          expect(cut.toServer.equals(whole.toServer)).toBe(true);
          expect(cut.asked.map(comparable)).toEqual(whole.asked.map(comparable));
        }),
        { numRuns: 40 },
      );
      const bytes = [...stream].map((byte) => Uint8Array.of(byte));
      expect(play(samples, bytes, release).toServer.equals(whole.toServer)).toBe(true);
    });

    it.each(Object.entries(samples.legal))(
      "%s: a released stream reaches the server byte for byte",
      (_name, stream) => {
        const { toServer } = play(samples, [stream], release);
        expect(toServer.includes(Buffer.from(stream))).toBe(true);
      },
    );

    it.each(Object.entries(samples.legal))(
      "%s: sends no byte of a refused command that could run it",
      (_name, stream) => {
        const { asked, toServer, closed } = play(samples, [stream], refuse);
        expect(asked).not.toHaveLength(0);
        expect(samples.dangerous(toServer)).toEqual([]);
        expect(closed, "a refused command leaves the connection usable").toBeUndefined();
      },
    );

    it.each(Object.entries(samples.legal))(
      "%s: holds all that follows a command until it is settled",
      (_name, stream) => {
        const { asked, toServer } = play(samples, [stream], nothing);
        expect(asked).toHaveLength(1);
        expect(samples.dangerous(toServer)).toEqual([]);
      },
    );

    it.each(Object.entries(samples.legal))("%s: notes an end for every command that was released", (_name, stream) => {
      const { asked, notes } = play(samples, [stream], release);
      const ended = new Set(notes.flatMap((note) => (note.type === "returned" ? [note.id] : [])));
      expect(asked.map(({ id }) => id).filter((id) => !ended.has(id))).toEqual([]);
    });

    it.each(Object.entries(samples.illegal))("%s: closes the connection", (_name, stream) => {
      expect(play(samples, [stream], release).closed).toBeDefined();
    });

    it("answers a damaged stream by waiting or closing, and never by throwing", () => {
      const streams = Object.values(samples.legal);
      fc.assert(
        fc.property(damaged(streams), cutPoints, (stream, points) => {
          expect(() => play(samples, cutAt(stream, points), release)).not.toThrow();
        }),
        { numRuns: 300 },
      );
    });

    it("answers a server that lies by closing or going on, and never by throwing", () => {
      const [stream = new Uint8Array(0)] = Object.values(samples.legal);
      fc.assert(
        fc.property(edits, (changes) => {
          const lying: Samples = {
            ...samples,
            server: () => {
              const server = samples.server();
              return { greet: () => server.greet(), receive: (bytes) => overwrite(server.receive(bytes), changes) };
            },
          };
          expect(() => play(lying, [stream], release)).not.toThrow();
        }),
        { numRuns: 300 },
      );
    });
  });
}

function comparable({ text, params, effects, id }: Command): unknown {
  return { text, params, effects, id };
}

const cutPoints = fc.array(fc.nat({ max: 10_000 }), { maxLength: 6 });

function cuts(stream: Uint8Array): fc.Arbitrary<Uint8Array[]> {
  return fc.array(fc.integer({ min: 0, max: stream.length })).map((points) => cutAt(stream, points));
}

function cutAt(stream: Uint8Array, points: readonly number[]): Uint8Array[] {
  const edges = [0, ...points.map((point) => Math.min(point, stream.length)).toSorted((a, b) => a - b), stream.length];
  return edges.slice(1).map((edge, index) => stream.subarray(edges[index], edge));
}

const edits = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 });

/** A legal stream with a few bytes overwritten: far likelier to reach deep code than random bytes are. */
function damaged(streams: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc.tuple(fc.constantFrom(...streams), edits).map(([stream, changes]) => overwrite(stream, changes));
}

function overwrite(stream: Uint8Array, changes: readonly (readonly [number, number])[]): Uint8Array {
  const copy = Uint8Array.from(stream);
  for (const [at, byte] of changes) if (copy.length > 0) copy[at % copy.length] = byte;
  return copy;
}
