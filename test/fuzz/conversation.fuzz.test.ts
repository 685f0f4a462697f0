import fc from "fast-check";
import { expect, it } from "vitest";
import {
  bind,
  close,
  copyData,
  copyDone,
  copyFail,
  describe,
  execute,
  flush,
  frame,
  parse,
  query,
  sync,
} from "../live/raw-client.ts";
import { type FakeServer, play, type Run, refuse, release } from "../protocols/laws.ts";
import { postgresSamples } from "../protocols/postgres/samples.ts";
import { BY_THE_CLOCK } from "./clock.ts";

// Streams of real messages in orders that no driver sends, cut anywhere: nothing throws, nothing that was not released
// reaches the server, and the cuts change nothing.

const names = fc.constantFrom("", "s1", "s2", "p1");
const texts = fc.constantFrom(
  "SELECT 1",
  "DELETE FROM users",
  "PREPARE s1 AS DELETE FROM users",
  "EXECUTE s1",
  "DEALLOCATE s1",
  "DEALLOCATE ALL",
  "DECLARE p1 CURSOR FOR SELECT 1",
  "FETCH ALL FROM p1",
  "COPY users FROM STDIN",
  "BEGIN",
  "COMMIT",
  "ROLLBACK",
  "SELECT 'a\\'; DELETE FROM users; --'",
  "SELECT 1; DELETE FROM users; SELECT 2",
  "SET search_path = a, pg_catalog",
  "not SQL at all",
  "",
);

const message = fc.oneof(
  texts.map(query),
  fc.tuple(names, texts).map(([name, text]) => parse(name, text)),
  fc.tuple(names, names).map(([portal, statement]) => bind({ portal, statement })),
  names.map((name) => execute(name)),
  names.map((name) => execute(name, 1)),
  fc.tuple(fc.constantFrom("S" as const, "P" as const), names).map(([kind, name]) => describe(kind, name)),
  fc.tuple(fc.constantFrom("S" as const, "P" as const), names).map(([kind, name]) => close(kind, name)),
  fc.constantFrom(sync, sync, sync, flush, copyDone),
  fc.constantFrom(copyData("1\n"), copyFail("no"), frame("F", [Buffer.alloc(10)])),
);

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
const column = Buffer.concat([Buffer.from("a\0"), Buffer.alloc(18)]);

/** What no server sends in this order, and some that none sends at all. */
const answer = fc.oneof(
  fc.constantFrom(..."123nsIcAx".split("")).map((type) => frame(type, [])),
  fc.constantFrom("I", "T", "E", "", "x", "II").map((status) => frame("Z", [status])),
  fc
    .constantFrom("SELECT 1", "INSERT 0 99999999999999999999", "DELETE 1", "BEGIN", "")
    .map((tag) => frame("C", [tag, "\0"])),
  fc
    .constantFrom("SERROR\0C42601\0Mcountersign_0000000000000000\0\0", "\0", "", "SERROR", "M\0\0")
    .map((error) => frame("E", [error])),
  fc
    .constantFrom("client_encoding\0SQL_ASCII\0", "standard_conforming_strings\0off\0", "a\0b\0", "a")
    .map((each) => frame("S", [each])),
  fc.constantFrom(0, 1, 2, 65_535).map((count) => frame("T", [int16(count), column])),
  fc.constantFrom(0, 1, 2, 65_535).map((count) => frame("D", [int16(count), Buffer.from("\0\0\0\x01x")])),
  fc.constantFrom(0xff_ff_ff_ff, 0x7f_ff_ff_ff, 3, 0).map((length) => {
    const head = Buffer.from("D\0\0\0\0");
    head.writeUInt32BE(length, 1);
    return head;
  }),
  fc.constantFrom("G", "H", "W").map((type) => frame(type, ["\0", int16(1), int16(0)])),
  fc.constantFrom("d", "t", "N", "K", "R", "V", "v").map((type) => frame(type, ["\0\0\0\0"])),
  fc.uint8Array({ maxLength: 12 }).map((each) => Buffer.from(each)),
);

const streams = fc.array(message, { minLength: 1, maxLength: 14 });
const points = fc.array(fc.nat({ max: 2_000 }), { maxLength: 8 });

function cut(stream: Buffer, at: readonly number[]): Buffer[] {
  const edges = [0, ...at.map((each) => each % (stream.length + 1)).toSorted((a, b) => a - b), stream.length];
  return edges.slice(1).map((edge, index) => stream.subarray(edges[index], edge));
}

// What is sent besides may differ: a Flush of our own is needed only where answers are still out.
const outcome = ({ asked, closed }: Run): unknown => ({
  asked: asked.map(({ text, params, effects, unservable }) => [text, params, effects, unservable]),
  closed,
});

it("never throws and never lets what was refused reach the server", () => {
  fc.assert(
    fc.property(streams, points, (messages, at) => {
      const run = play(postgresSamples, cut(Buffer.concat(messages), at), refuse);
      expect(postgresSamples.dangerous(run.toServer)).toEqual([]);
    }),
    BY_THE_CLOCK,
  );
});

it("sends only what it asked about, whatever is released", () => {
  fc.assert(
    fc.property(streams, points, (messages, at) => {
      const run = play(postgresSamples, cut(Buffer.concat(messages), at), ({ effects }) =>
        effects.every((effect) => effect === "read" || effect === "session")
          ? { kind: "release" }
          : { kind: "refuse", cause: "denied", message: "no", detail: "", hint: "" },
      );
      const allowed = run.asked.filter(({ effects }) => effects.every((each) => each === "read" || each === "session"));
      const commands = postgresSamples.dangerous(run.toServer).filter((each) => /^[QB] /.test(each));
      expect(commands.length).toBeLessThanOrEqual(allowed.length);
      expect(commands.filter((each) => each.startsWith("Q DELETE"))).toEqual([]);
    }),
    BY_THE_CLOCK,
  );
});

it("reads the same however the stream is cut", () => {
  fc.assert(
    fc.property(streams, points, (messages, at) => {
      const stream = Buffer.concat(messages);
      const whole = play(postgresSamples, [stream], release);
      const pieces = play(postgresSamples, cut(stream, at), release);
      // The server of these tests is no real one: where it breaks the protocol, the cut decides what came before.
      if (whole.closed !== undefined || pieces.closed !== undefined) return;
      expect(outcome(pieces)).toEqual(outcome(whole));
    }),
    BY_THE_CLOCK,
  );
});

it("never throws whatever a server answers, and lets nothing run for it that was refused", () => {
  fc.assert(
    fc.property(
      streams,
      points,
      fc.array(fc.array(answer, { maxLength: 4 }), { maxLength: 12 }),
      (messages, at, answers) => {
        const server = (): FakeServer => {
          const left = answers.map((each) => Buffer.concat(each));
          return { greet: () => postgresSamples.server().greet(), receive: () => left.shift() ?? Buffer.alloc(0) };
        };
        const run = play({ ...postgresSamples, server }, cut(Buffer.concat(messages), at), refuse);
        expect(postgresSamples.dangerous(run.toServer)).toEqual([]);
        const free = play({ ...postgresSamples, server }, cut(Buffer.concat(messages), at), release);
        expect(free.notes.length).toBeLessThanOrEqual(4 * messages.length + 2);
      },
    ),
    BY_THE_CLOCK,
  );
});
