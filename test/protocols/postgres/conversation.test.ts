import { expect, it } from "vitest";
import { decodeError } from "../../../src/protocols/postgres/wire.ts";
import { bind, copyData, copyDone, execute, frame, parse, query, sync } from "../../live/raw-client.ts";
import { describeLaws, nothing, play, type Run, refuse, release, type Samples } from "../laws.ts";
import { openFakeServer } from "./fake-server.ts";
import { postgres, postgresSamples } from "./samples.ts";

const samples = postgresSamples;

describeLaws(postgres, samples);

const types = (bytes: Buffer): string => {
  let out = "";
  for (let at = 0; at + 5 <= bytes.length; at += 1 + bytes.readUInt32BE(at + 1))
    out += String.fromCharCode(bytes[at] ?? 0);
  return out;
};

function firstError({ toClient }: Run): ReadonlyMap<string, string> {
  for (let at = 0; at + 5 <= toClient.length; at += 1 + toClient.readUInt32BE(at + 1)) {
    if (toClient[at] === 0x45) return decodeError(toClient.subarray(at + 5, at + 1 + toClient.readUInt32BE(at + 1)));
  }
  return new Map();
}

it("asks about each query in the order it was sent, with its text", () => {
  const { asked } = play(samples, [Buffer.concat([query("SELECT 1"), query("DROP TABLE t")])], release);
  expect(asked.map(({ text, effects }) => [text, ...effects])).toEqual([
    ["SELECT 1", "read"],
    ["DROP TABLE t", "schema"],
  ]);
});

it("asks at Bind, with the text of its Parse and the values of its parameters", () => {
  const pipeline = Buffer.concat([
    parse("", "DELETE FROM users WHERE id = $1 OR $2"),
    bind({ params: ["7", null] }),
    execute(),
    sync,
  ]);
  const { asked, toServer } = play(samples, [pipeline], nothing);
  expect(asked[0]).toMatchObject({
    text: "DELETE FROM users WHERE id = $1 OR $2",
    params: ["7", null],
    effects: ["delete"],
  });
  expect(types(toServer)).toBe("P");
});

it("answers a refused query with the server's own order: our error, then its ReadyForQuery", () => {
  const run = play(samples, [Buffer.concat([query("DELETE FROM users"), query("SELECT 1")])], ({ text }) =>
    text.startsWith("DELETE")
      ? { kind: "refuse", cause: "denied", message: "Not from a job.", detail: "Rule x.", hint: "Ask." }
      : { kind: "release" },
  );
  expect(types(run.toClient)).toBe("EZTDCZ");
  expect(Object.fromEntries(firstError(run))).toMatchObject({
    S: "ERROR",
    C: "42501",
    M: "Not from a job.",
    D: "Rule x.",
    H: "Ask.",
  });
  expect(run.toClient.toString("latin1")).not.toContain("countersign_");
});

it.each([
  ["denied", "42501"],
  ["expired", "57014"],
  ["withdrawn", "57014"],
  ["unrecorded", "58030"],
] as const)("says %s with SQLSTATE %s", (cause, code) => {
  const run = play(samples, [query("SELECT 1")], () => ({ kind: "refuse", cause, message: "m", detail: "", hint: "" }));
  expect(firstError(run).get("C")).toBe(code);
});

it("lets the server skip what a refused Bind was followed by, up to the Sync", () => {
  const pipeline = Buffer.concat([
    parse("", "SELECT 1"),
    bind(),
    execute(),
    parse("", "DELETE FROM users"),
    bind(),
    execute(),
    parse("", "SELECT 2"),
    bind(),
    execute(),
    sync,
    parse("", "SELECT 3"),
    bind(),
    execute(),
    sync,
  ]);
  const { asked, toClient, toServer } = play(samples, [pipeline], ({ effects }) =>
    effects.includes("delete")
      ? { kind: "refuse", cause: "denied", message: "no", detail: "", hint: "" }
      : { kind: "release" },
  );
  expect(asked.map(({ text }) => text)).toEqual(["SELECT 1", "DELETE FROM users", "SELECT 3"]);
  expect(types(toClient)).toBe("12DC1EZ12DCZ");
  expect(types(toServer)).toBe("PBEPPSPBES");
});

it("never lets an invalid UTF-8 text run, whatever policy says", () => {
  const { asked } = play(samples, [frame("Q", [Buffer.from([0x53, 0xff]), "\0"])], nothing);
  expect(asked[0]?.unservable).toContain("UTF-8");
});

it("refuses a FunctionCall in its place and goes on", () => {
  const { asked, closed } = play(
    samples,
    [Buffer.concat([frame("F", [Buffer.alloc(10)]), query("SELECT 1")])],
    ({ unservable }) =>
      unservable === ""
        ? { kind: "release" }
        : { kind: "refuse", cause: "denied", message: unservable, detail: "", hint: "" },
  );
  expect(asked).toHaveLength(2);
  expect(asked[0]?.unservable).toContain("FunctionCall");
  expect(closed).toBeUndefined();
});

it("does not trust unqualified function names once search_path may have put another schema first", () => {
  const { asked } = play(
    samples,
    [Buffer.concat([query("SET search_path = attacker, pg_catalog"), query("SELECT lower('X')")])],
    release,
  );
  expect(asked[1]?.effects).toContain("execute");
});

it("takes a parameter of a type that is not built in for code that runs", () => {
  const { asked } = play(
    samples,
    [Buffer.concat([parse("", "SELECT $1", [16_500]), bind({ params: ["x"] }), sync])],
    release,
  );
  expect(asked[0]?.effects).toContain("execute");
});

it("drops COPY data that no COPY asked for, as the server would", () => {
  const { toServer } = play(samples, [Buffer.concat([copyData("x"), query("SELECT 1")])], release);
  expect(types(toServer)).toBe("Q");
});

it("sends no COPY data of a refused COPY", () => {
  const { toServer } = play(
    samples,
    [Buffer.concat([query("COPY users FROM STDIN"), copyData("1\n"), copyDone])],
    refuse,
  );
  expect(types(toServer)).toBe("Q");
});

it("closes when the server says that text is read in another way", () => {
  for (const setting of ["client_encoding\0SJIS\0", "standard_conforming_strings\0off\0"]) {
    const changing: Samples = {
      ...samples,
      server: () => {
        const server = openFakeServer();
        return {
          greet: () => server.greet(),
          receive: (bytes) => Buffer.concat([frame("S", [setting]), server.receive(bytes)]),
        };
      },
    };
    expect(play(changing, [query("SELECT 1")], release).closed).toContain("became");
  }
});

it("records what a result holds, by column and with the whole counted and digested", () => {
  const { notes } = play(samples, [query("SELECT 1")], release);
  const returned = notes.find((note) => note.type === "returned");
  expect(returned).toMatchObject({ outcome: "completed", rows: 1, summary: ["SELECT 1"], truncated: false });
  expect(returned?.type === "returned" ? returned.results : []).toEqual([
    { columns: [{ name: "n", table: 16_384, attribute: 1, type: 23 }], rows: [["1"]] },
  ]);
});

it("tells a client that waits by a notice", () => {
  const conversation = samples.open();
  expect(conversation.tell("held")).toEqual([]);
});

it("does not guess how a backslash is read behind a command that may have changed it, without a Sync between", () => {
  const pipeline = Buffer.concat([
    parse("", "SELECT set_it()"),
    bind(),
    execute(),
    parse("", String.raw`SELECT 'a\'; DELETE FROM users; --'`),
    bind(),
    execute(),
    sync,
  ]);
  const { asked } = play(samples, [pipeline], release);
  expect(asked[1]?.unservable).toContain("backslash");
});

it("forgets a portal whose Bind failed, for another of that name may still stand", () => {
  const failing: Samples = {
    ...samples,
    server: () => {
      const server = openFakeServer();
      return {
        greet: () => server.greet(),
        receive: (bytes) =>
          Buffer.from(bytes).includes("p1\0s2")
            ? Buffer.concat([frame("E", ["SERROR\0C42P03\0Mportal exists\0\0"]), frame("Z", ["T"])])
            : server.receive(bytes),
      };
    },
  };
  const stream = [
    Buffer.concat([parse("s2", "SELECT 1"), sync]),
    Buffer.concat([bind({ portal: "p1", statement: "s2" }), sync]),
    Buffer.concat([execute("p1"), sync]),
  ];
  const { asked } = play(failing, stream, release);
  expect(asked.map(({ effects }) => effects)).toEqual([["read"], ["unknown"]]);
});

it("reads a statement that executes itself the same twice, and as unknown", () => {
  const pipeline = Buffer.concat([
    parse("s1", "EXECUTE s1"),
    sync,
    bind({ statement: "s1" }),
    sync,
    query("EXECUTE s1"),
    query("EXECUTE s1"),
  ]);
  const { asked } = play(samples, [pipeline], release);
  expect(asked.map(({ effects }) => effects)).toEqual([["unknown"], ["execute", "unknown"], ["execute", "unknown"]]);
});
