import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openSqlReader, TEXT_LENGTH_MAX } from "../../../src/languages/sql/reader.ts";
import type { Reading } from "../../../src/languages/sql/reading.ts";
import { EMPTY_SESSION, TakenSession } from "../../../src/languages/sql/taken-session.ts";
import { tokensOf } from "../../../src/languages/sql/tokens.ts";
import { linesOf, readAfter, verdictOf } from "./verdict.ts";

const reader = await openSqlReader();
const read = (text: string): Reading => reader.read(text, EMPTY_SESSION);
const texts = [
  ...linesOf<{ input: string }>("test/corpus/postgres.jsonl"),
  ...linesOf<{ input: string }>("test/corpus/reads.jsonl"),
].map((each) => each.input);

/** Each literal of the text with its columns, and each parameter as `$n`. */
function slotsOf(text: string): Record<string, readonly string[]> {
  return Object.fromEntries(
    read(text).slots.map(({ at, columns }) => [
      "param" in at ? `$${at.param + 1}` : text.slice(at.from, at.to),
      columns,
    ]),
  );
}

describe("a condition", () => {
  it.each([
    "WHERE true",
    "WHERE 1=1",
    "WHERE 't'",
    "WHERE 't'::bool",
    "WHERE NOT false",
    "WHERE NOT (NOT (1=1))",
    "WHERE id=id",
    "WHERE id=t.id",
    "WHERE public.t.id = id",
    "WHERE id::text = id::text",
    "WHERE id <= id",
    "WHERE id IS NOT DISTINCT FROM id",
    "WHERE NOT id <> id",
    "WHERE id=1 OR true",
    "WHERE id=1 OR 1=1",
    "WHERE true AND 1=1",
    "WHERE id IS NOT NULL",
    "WHERE NOT (id IS NULL)",
    "WHERE (id = id) IS TRUE",
    "WHERE (id <> id) IS NOT TRUE",
    "WHERE name LIKE '%'",
    "WHERE NOT (name NOT LIKE '%%')",
    "WHERE id IN (id, 3)",
    "WHERE id = ANY(ARRAY[id])",
    "WHERE id BETWEEN id AND id",
    "WHERE now() > '2000-01-01'",
    "WHERE $1",
    "WHERE $1 IS NULL OR id = $1",
    "WHERE random() >= 0",
    "WHERE EXISTS (SELECT 1)",
    "WHERE EXISTS (SELECT 1 FROM o WHERE o.x = 1)",
    "WHERE id IN (SELECT id FROM t)",
    "WHERE id IN (SELECT id FROM t AS u WHERE u.id = u.id)",
    "WHERE CASE WHEN id = 1 THEN true ELSE true END",
    "WHERE (SELECT true)",
    "WHERE '01'::int::bool",
    "WHERE COALESCE(NULL, true)",
    "WHERE COALESCE(id = NULL, true)",
    "WHERE (id = NULL) IS NULL",
    "WHERE (id = NULL) IS NOT TRUE",
    "WHERE (id = NULL) IS UNKNOWN",
    "WHERE (NULL > id) IS NOT FALSE",
    "WHERE CASE WHEN true THEN true ELSE id=1 END",
    "WHERE CASE WHEN id=id THEN true ELSE false END",
    "WHERE id = 1 OR id <> 1",
    "WHERE id = 1 OR NOT id = 1",
    "WHERE NOT (id = 1 AND id <> 1)",
    "WHERE id < 5 OR id >= 5",
    "WHERE name LIKE 'a%' OR name NOT LIKE 'a%'",
    "WHERE name ~~ '%'",
    "WHERE name ~ '.*'",
    "WHERE name ~* ''",
    "WHERE name ~ '^'",
    "WHERE name SIMILAR TO '%'",
    "WHERE NOT name !~~ '%'",
    "WHERE NOT (name !~ '.*')",
    "WHERE EXISTS (SELECT 1 FROM t s2 WHERE s2.id = t.id)",
    "WHERE EXISTS (SELECT 1 FROM t s2 WHERE id = t.id)",
    "WHERE EXISTS (SELECT t.id)",
    "WHERE EXISTS (SELECT t.id FROM orders)",
    "WHERE (SELECT t.id IS NOT NULL)",
    "WHERE EXISTS (SELECT 1 WHERE t.id = t.id)",
    "WHERE id IN (SELECT id FROM (SELECT id FROM t) s)",
    "WHERE id IN (SELECT id FROM t UNION SELECT 1)",
    "WHERE id IN (SELECT 1 UNION ALL SELECT id FROM t)",
    "WHERE id IN (WITH x AS (SELECT id FROM t) SELECT id FROM x)",
    "WHERE id IN (SELECT t.id FROM t, orders)",
    "WHERE id IN (SELECT s.id FROM t s LEFT JOIN orders o ON o.id = s.id)",
    "WHERE id IN (SELECT s.id FROM t s CROSS JOIN orders o)",
    "WHERE id = ANY (SELECT id FROM public.t)",
    "WHERE id <> ALL('{}')",
    "WHERE id <> ALL(ARRAY[]::int[])",
    "WHERE NOT id = ANY('{}')",
    "WHERE id = ALL(ARRAY[id])",
    "WHERE id IS DISTINCT FROM NULL",
    "WHERE NOT (id IS NOT DISTINCT FROM NULL)",
    "WHERE (id = id) = true",
    "WHERE (id = id) IS NOT DISTINCT FROM true",
    "WHERE (id = id) <> false",
    "WHERE (id <> id) = false",
    "WHERE id = id + 0",
    "WHERE id = +id",
    "WHERE id = id * 1",
    "WHERE name = name || ''",
    "WHERE name = '' || name",
    "WHERE id = 0 + id",
    'WHERE name = name COLLATE "C"',
    "WHERE id >= id - 0",
    "WHERE COALESCE(id) = id",
    "WHERE (id, name) IS NOT NULL",
    "WHERE id IN (1, id)",
    "WHERE true OR id = 1",
    "WHERE (id = 1) IS NOT NULL",
    "WHERE id = 1 OR true",
    "",
  ])("that is %j limits nothing", (where) => {
    expect(read(`DELETE FROM t ${where}`).bounded).toBe(false);
    expect(read(`UPDATE t SET a = 1 ${where}`).bounded).toBe(false);
    expect(read(`WITH d AS (DELETE FROM t ${where} RETURNING 1) SELECT * FROM d`).bounded).toBe(false);
    expect(read(`EXPLAIN ANALYZE DELETE FROM t ${where}`).bounded).toBe(false);
  });

  it.each([
    "WHERE id=1",
    "WHERE id=$1",
    "WHERE id=1 AND true",
    "WHERE id=1 OR id=2",
    "WHERE false",
    "WHERE active",
    "WHERE NOT active",
    "WHERE id IS NULL",
    "WHERE id <> id",
    "WHERE name LIKE 'a%'",
    "WHERE id IN (1,2)",
    "WHERE id = ANY($1)",
    "WHERE id BETWEEN 1 AND 2",
    "WHERE id IN (SELECT id FROM t WHERE x = 1)",
    "WHERE id IN (SELECT id FROM t LIMIT 5)",
    "WHERE id IN (SELECT t_id FROM o)",
    "WHERE EXISTS (SELECT 1 FROM o WHERE o.t_id = t.id)",
    "WHERE CURRENT OF c",
    "WHERE created_at < now() - interval '30 days'",
    "WHERE CASE WHEN id = 1 THEN true ELSE false END",
    "WHERE ctid = '(0,1)'",
    "WHERE id = 1",
    "WHERE id = ANY('{1}')",
    "WHERE id <> ALL($1)",
    "WHERE NOT id = ANY($1)",
    "WHERE name ~ '^a'",
    "WHERE name ~* 'x'",
    "WHERE name SIMILAR TO 'a%'",
    "WHERE COALESCE(name,'x') = 'x'",
    "WHERE COALESCE(name = 'a', false)",
    "WHERE COALESCE(active, true)",
    "WHERE active = true",
    "WHERE active IS TRUE",
    "WHERE active IS NOT TRUE",
    "WHERE active <> true",
    "WHERE name IS NULL OR name = ''",
    "WHERE CASE id WHEN 1 THEN true ELSE false END",
    "WHERE CASE WHEN $1 = 'x' THEN id = 1 ELSE id = 2 END",
    "WHERE EXISTS (SELECT 1 FROM orders o WHERE o.id = t.id)",
    "WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.id = t.id)",
    "WHERE EXISTS (SELECT 1 FROM t s2 WHERE s2.id = t.id AND s2.name = 'x')",
    "WHERE EXISTS (SELECT 1 FROM t s2 WHERE s2.name = t.name AND s2.id < t.id)",
    "WHERE id IN (SELECT id FROM t WHERE name = 'x')",
    "WHERE id IN (SELECT id FROM t LIMIT 10)",
    "WHERE id IN (SELECT id FROM orders)",
    "WHERE id IN (SELECT customer_id FROM orders o JOIN customers c ON c.id=o.id)",
    "WHERE id IN (SELECT s.id FROM t s JOIN orders o ON o.id = s.id)",
    "WHERE id = (SELECT max(id) FROM orders)",
    "WHERE id < (SELECT 5)",
    "WHERE id NOT IN (SELECT min(id) FROM t GROUP BY name)",
    "WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY name ORDER BY id) AS n FROM t) s WHERE n > 1)",
    "WHERE id IN (WITH x AS (SELECT id FROM t WHERE name='a') SELECT id FROM x)",
    "WHERE id = 1 OR id = 2",
    "WHERE id = 1 OR name <> 'x'",
    "WHERE id BETWEEN 1 AND 5",
    "WHERE id + 1 = 5",
    "WHERE id - 1 = id2",
    "WHERE NULL",
    "WHERE id IS NOT DISTINCT FROM $1",
    "WHERE id IS DISTINCT FROM 5",
    "WHERE (id, name) = (1, 'x')",
    "WHERE ctid = ANY(ARRAY(SELECT ctid FROM t LIMIT 5))",
    "WHERE id > 5 AND name IS NOT NULL",
    "WHERE name || '' = 'x'",
    "WHERE id = 5 + 0",
    "WHERE id::text = '5'",
    "WHERE lower(name) = 'x'",
    "WHERE prefs @> '{}'",
    "WHERE id = $1 AND ($2::int IS NULL OR name = $2)",
    "WHERE 'f'",
    "WHERE deleted_at < now() - interval '1 day'",
    "WHERE id IN (SELECT id FROM t ORDER BY id FETCH FIRST 5 ROWS ONLY)",
    "WHERE id IN (SELECT id FROM t WHERE name='x' FOR UPDATE SKIP LOCKED)",
  ])("that is %j limits", (where) => {
    expect(read(`DELETE FROM t ${where}`).bounded).toBe(true);
  });

  it("of a join must speak of the target", () => {
    expect(read("DELETE FROM a USING b WHERE b.x = 1").bounded).toBe(false);
    expect(read("DELETE FROM a USING b WHERE a.id = b.id").bounded).toBe(true);
    expect(read("UPDATE a x SET v = 1 FROM b WHERE x.id = b.id").bounded).toBe(true);
  });

  it("is what a large object's number is for it", () => {
    expect(read("SELECT lo_unlink(oid) FROM pg_largeobject_metadata").bounded).toBe(false);
    expect(read("SELECT lo_put(oid, 0, 'x') FROM pg_largeobject_metadata").bounded).toBe(false);
    expect(read("SELECT lo_unlink(424242)").bounded).toBe(true);
    expect(read("SELECT lo_put($1, 0, $2)").bounded).toBe(true);
    expect(read("SELECT nextval('s1')").bounded).toBe(true);
  });

  it("that joins a relation with itself limits nothing by the join alone", () => {
    expect(read("DELETE FROM a USING a b WHERE a.id = b.id").bounded).toBe(false);
    expect(read("UPDATE a x SET v = 1 FROM a y JOIN c ON c.id = y.id WHERE x.id = y.id").bounded).toBe(false);
    expect(read("MERGE INTO a x USING a y ON x.id = y.id WHEN MATCHED THEN DELETE").bounded).toBe(false);
    expect(read("DELETE FROM a USING a b WHERE a.id = b.id AND b.name = 'x'").bounded).toBe(true);
    expect(read("DELETE FROM a x USING a y WHERE x.id > y.id AND x.name = y.name").bounded).toBe(true);
    expect(read("UPDATE a x SET v = 1 FROM a y WHERE x.parent = y.id").bounded).toBe(true);
  });
});

describe("objects", () => {
  it.each([
    ["SELECT * FROM public.users u JOIN orders o ON true", ["public.users", "orders"]],
    ["WITH t AS (SELECT 1) SELECT * FROM t", []],
    ["WITH t AS (SELECT * FROM t) SELECT * FROM t", ["t"]],
    ["WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT * FROM t) SELECT * FROM t", []],
    ["WITH t AS (SELECT 1) SELECT * FROM public.t", ["public.t"]],
    ["WITH t AS (SELECT 1) DELETE FROM t", ["t"]],
    ["SELECT (WITH t AS (SELECT 1) SELECT 1 FROM t) FROM t", ["t"]],
    ["DROP TABLE a.b, c", ["a.b", "c"]],
    ["GRANT SELECT ON a.b TO joe", ["a.b", "joe"]],
    ["DO 'x'", []],
    ["DELETE FROM a; DO 'x'", []],
    ["DELETE FROM a; SELECT 1", ["a"]],
    ["COPY a FROM '/x'", []],
  ])("of %j are those it touches, and none where one has no name", (text, objects) => {
    expect(new Set(read(text).objects)).toEqual(new Set(objects));
  });

  it.each([
    "TRUNCATE a CASCADE",
    "DROP TABLE a CASCADE",
    "DROP SCHEMA a CASCADE",
    "ALTER TABLE a DROP COLUMN b CASCADE",
    "GRANT SELECT ON ALL TABLES IN SCHEMA a TO b",
    "REVOKE SELECT ON a FROM b CASCADE",
    "REINDEX SCHEMA a",
    "DROP OWNED BY a",
    "IMPORT FOREIGN SCHEMA a FROM SERVER b INTO c",
  ])("of %j have no end, so none are named", (text) => {
    expect(read(text).objects).toEqual([]);
  });

  it("are the same list for the same names, by which policy knows what it has judged", () => {
    expect(read("SELECT * FROM a WHERE b = 1").objects).toBe(read("SELECT * FROM a WHERE b = 2").objects);
    expect(read("SELECT 1").effects).toBe(read("SELECT 2").effects);
  });
});

describe("slots", () => {
  it.each<[string, Record<string, readonly string[]>]>([
    [
      "SELECT * FROM users WHERE email = 'a@b' AND id IN (1, $1)",
      { "'a@b'": ["users.email"], "1": ["users.id"], $1: ["users.id"] },
    ],
    ["SELECT * FROM public.users u, o WHERE u.email LIKE $1 AND x = 'y'", { $1: ["public.users.email"], "'y'": ["x"] }],
    [
      "INSERT INTO users (email, name) VALUES ('a', lower($1)), (E'b\\'', $2)",
      { "'a'": ["users.email"], $1: ["users.name"], "E'b\\''": ["users.email"], $2: ["users.name"] },
    ],
    ["INSERT INTO users VALUES ('a')", { "'a'": [] }],
    ["INSERT INTO users (email) SELECT 'x' UNION SELECT $1", { "'x'": ["users.email"], $1: ["users.email"] }],
    [
      "UPDATE users u SET email = $2, (a, b) = (1, 'z') WHERE u.id = $1::int",
      { $2: ["users.email"], "1": ["users.a"], "'z'": ["users.b"], $1: ["users.id"] },
    ],
    ["SELECT 'x', $1", { "'x'": [], $1: [] }],
    ["SELECT * FROM t WHERE a BETWEEN -1 AND $1 OR b = ANY($2::text[])", { "1": ["t.a"], $1: ["t.a"], $2: ["t.b"] }],
    ["SELECT * FROM t WHERE lower(email) = lower('A')", { "'A'": ["t.email"] }],
    ["SELECT * FROM t WHERE 'é' = a AND b = 'ü'", { "'é'": ["t.a"], "'ü'": ["t.b"] }],
    [
      "SELECT * FROM t WHERE a = $q$it's$q$ AND b = U&'x' AND c = B'1'",
      { "$q$it's$q$": ["t.a"], "U&'x'": ["t.b"], "B'1'": ["t.c"] },
    ],
    ["CREATE ROLE r PASSWORD 'secret'", { "'secret'": [] }],
    [
      "MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (a) VALUES ('v') WHEN MATCHED THEN UPDATE SET a = $1",
      { "'v'": ["t.a"], $1: ["t.a"] },
    ],
    [
      "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 'c' WHERE t.d = $1",
      { "1": ["t.a"], "'c'": ["t.b"], $1: ["t.d"] },
    ],
  ])("of %j say where each value goes", (text, slots) => {
    expect(slotsOf(text)).toEqual(slots);
  });

  it("of EXECUTE go where the prepared statement puts its parameters", () => {
    const reading = readAfter(reader, ["PREPARE p AS SELECT * FROM users WHERE email = $1"], "EXECUTE p('a@b')");
    expect(reading.slots.map((each) => each.columns)).toEqual([["users.email"]]);
  });

  it("cut exactly the literals of the text, and miss none", () => {
    for (const text of texts) {
      const reading = read(text);
      if (reading.statements.length === 0) continue;
      const cut = reading.slots.flatMap(({ at }) => ("param" in at ? [] : [text.slice(at.from, at.to)]));
      const literals = tokensOf(text).filter((each) => each.kind === "literal");
      expect(cut).toEqual(literals.map((each) => text.slice(each.from, each.to)));
    }
  });

  it("never put a literal into the reasons for people", () => {
    for (const text of [
      "DELETE FROM t WHERE a = 'hunter2'",
      "SELECT pg_read_file('hunter2')",
      "ALTER ROLE r PASSWORD 'hunter2'",
      "SET x.y = 'hunter2'",
    ]) {
      expect(read(text).why.join()).not.toContain("hunter2");
    }
  });
});

describe("what a connection remembers", () => {
  it("says what EXECUTE and FETCH do", () => {
    expect(readAfter(reader, ["PREPARE p AS DELETE FROM t"], "EXECUTE p")).toMatchObject({
      effects: ["delete"],
      objects: ["t"],
      bounded: false,
    });
    expect(readAfter(reader, ["DECLARE c CURSOR FOR SELECT f()"], "FETCH c").effects).toEqual(["read", "execute"]);
    expect(readAfter(reader, ["PREPARE p AS SELECT 1", "DEALLOCATE p"], "EXECUTE p").effects).toEqual(["unknown"]);
    expect(read("FETCH c").effects).toEqual(["unknown"]);
  });

  it("is kept up within one text", () => {
    expect(read("PREPARE p AS SELECT 1; EXECUTE p; DEALLOCATE p").effects).toEqual(["read", "session"]);
    expect(read("PREPARE p AS DELETE FROM t; EXECUTE p").effects).toEqual(["delete", "session"]);
    expect(verdictOf(read("DECLARE c CURSOR FOR SELECT 1; CLOSE c; FETCH c"))).toBe("risky");
  });

  it("is not kept in the cache", () => {
    const deleting = new TakenSession();
    deleting.take(reader.read("PREPARE q AS DELETE FROM t", deleting).statements);
    const reading = new TakenSession();
    reading.take(reader.read("PREPARE q AS SELECT 1", reading).statements);
    expect(reader.read("EXECUTE q", deleting).effects).toEqual(["delete"]);
    expect(reader.read("EXECUTE q", reading).effects).toEqual(["read"]);
    expect(reader.read("EXECUTE q", EMPTY_SESSION).effects).toEqual(["unknown"]);
  });

  it("decides whether a bare name is pg_catalog's", () => {
    const untrusted = { ...EMPTY_SESSION, pathTrusted: false };
    for (const text of ["SELECT lower('X')", "SELECT 1 + 1", "SELECT 'x'::text", "SELECT * FROM t WHERE a = 1"]) {
      expect(verdictOf(reader.read(text, untrusted))).toBe("risky");
      expect(verdictOf(read(text))).toBe("harmless");
    }
    expect(verdictOf(reader.read("SELECT pg_catalog.lower('X')", untrusted))).toBe("harmless");
  });

  it.each([
    "SET search_path = a, pg_catalog",
    "SELECT set_config('search_path', 'a,pg_catalog', false)",
    "SELECT f()",
    "DO 'x'",
    "CALL f()",
    "SELECT set_config($1, $2, false)",
  ])("is not trusted any more after %j", (text) => {
    expect(read(text).statements[0]?.deeds).toContainEqual({ kind: "path-untrusted" });
  });

  it("notes that data will follow", () => {
    expect(read("COPY t FROM STDIN").statements[0]?.deeds).toEqual([{ kind: "copy-in" }]);
    expect(read("COPY t FROM '/x'").statements[0]?.deeds).toEqual([]);
  });
});

describe("texts that cannot be read", () => {
  it.each([
    ["a NUL", "SELECT 1\0; DELETE FROM t"],
    ["half a surrogate pair", "SELECT '\ud800'"],
    ["too many characters", `SELECT '${"x".repeat(TEXT_LENGTH_MAX)}'`],
    ["brackets without end", `SELECT ${"(".repeat(5_000)}1${")".repeat(5_000)}`],
    ["a chain without end", `SELECT 1${"+1".repeat(20_000)}`],
    ["comments within comments without end", `SELECT 1 ${"/*".repeat(50_000)}`],
    ["no SQL", "DE/**/LETE FROM t"],
  ])("because of %s are unknown", (_, text) => {
    expect(read(text)).toMatchObject({ effects: ["admin", "unknown"], objects: [], bounded: false, statements: [] });
  });

  it("are told from long ones that can, in time that grows no faster than they do", () => {
    const many = Array.from({ length: 6_000 }, (_, id) => `id = ${id}`).join(" OR ");
    const tables = Array.from({ length: 40 }, (_, at) => `t${at + 1} AS (TABLE t${at} UNION TABLE t${at})`).join(", ");
    const started = performance.now();
    expect(read(`DELETE FROM t WHERE ${many}`).bounded).toBe(true);
    expect(read(`DELETE FROM t WHERE id IN (WITH t0 AS (TABLE o), ${tables} TABLE t40)`).bounded).toBe(true);
    expect(read(`DELETE FROM t WHERE id IN (WITH t0 AS (TABLE t), ${tables} TABLE t40)`).bounded).toBe(false);
    expect(read(`SELECT 1 /${"*".repeat(100_000)}/`).effects).toEqual(["read"]);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it("do not wear out the parser", () => {
    for (let count = 0; count < 60; count += 1) {
      expect(read(`SELECT ${"(SELECT ".repeat(2_400 + count)}1${")".repeat(2_400 + count)}`).effects).toContain(
        "unknown",
      );
      expect(read(`SELECT 1${"+1".repeat(20_000 + count)}`).effects).toContain("unknown");
    }
    expect(read("SELECT 'still here'").effects).toEqual(["read"]);
  });

  it("are nothing at all when only white space and comments", () => {
    for (const text of ["", " \n", "-- x", "/* x */", ";;"]) {
      expect(read(text)).toMatchObject({ effects: ["read"], statements: [] });
    }
  });
});

describe("laws", () => {
  it("never throws, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        expect(read(text).effects.length).toBeGreaterThan(0);
      }),
    );
  });

  it("never throws on damaged SQL, and a text in the cache reads as it did", () => {
    const damaged = fc
      .tuple(
        fc.constantFrom(...texts.filter((each) => each.length < 5_000)),
        fc.nat(),
        fc.nat(8),
        fc.string({ maxLength: 8 }),
      )
      .map(
        ([text, at, length, put]) =>
          text.slice(0, at % (text.length + 1)) + put + text.slice((at % (text.length + 1)) + length),
      );
    fc.assert(
      fc.property(damaged, (text) => {
        expect(read(text)).toEqual(read(text));
      }),
      { numRuns: 500 },
    );
  });

  it("is as strict with a text as with any of its statements", () => {
    const single = texts.filter(
      (each) => each.length < 2_000 && read(each).statements.length === 1 && !each.includes("--"),
    );
    fc.assert(
      fc.property(fc.constantFrom(...single), fc.constantFrom(...single), (one, other) => {
        const both = read(`${one}\n;${other}\n`);
        for (const effect of read(one).effects) expect(both.effects).toContain(effect);
        expect(both.bounded && !read(one).bounded).toBe(false);
      }),
    );
  });
});
