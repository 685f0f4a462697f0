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
import { play, type Run, refuse, release } from "../protocols/laws.ts";
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
