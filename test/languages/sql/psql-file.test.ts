// What psql 15 sent for these files, seen on the wire. `plan.live.test.ts` holds the psql at hand to the same.

import { beforeAll, describe, expect, it } from "vitest";
import { psqlTexts } from "../../../src/languages/sql/psql-file.ts";
import { openSqlReader } from "../../../src/languages/sql/reader.ts";

beforeAll(async () => void (await openSqlReader()));

const SENT: readonly (readonly [file: string, texts: readonly string[]])[] = [
  ["SELECT 1;\nSELECT 2;\n", ["SELECT 1;", "SELECT 2;"]],
  ["SELECT 1; SELECT 2", ["SELECT 1;", "SELECT 2"]],
  ["-- one\n-- two\n\n/* block\n   comment */ SELECT 1;", ["/* block\n   comment */ SELECT 1;"]],
  ["  SELECT 2 -- mid\n   , 3\n ;", ["SELECT 2 -- mid\n   , 3\n ;"]],
  ["SELECT 'a;b' , $$x;y$$ ; -- trailing\n", ["SELECT 'a;b' , $$x;y$$ ;"]],
  ["SELECT 1;\n;;\nSELECT 2;", ["SELECT 1;", "SELECT 2;"]],
  [
    "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);",
    ["CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);"],
  ],
  [
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;",
    ["CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;"],
  ],
  ["DELETE FROM t\n\n\nWHERE id = 1\t;", ["DELETE FROM t\nWHERE id = 1\t;"]],
  ["SELECT 'é'; /* c */ SELECT 9 /* d */ ;", ["SELECT 'é';", "/* c */ SELECT 9 /* d */ ;"]],
  ["SELECT 'line\n\ntwo';", ["SELECT 'line\n\ntwo';"]],
  [
    "SELECT E'it\\'s\n\n', $a$x\n\ny$a$, \"n\n\nm\" /* c\n\nd */;",
    ["SELECT E'it\\'s\n\n', $a$x\n\ny$a$, \"n\n\nm\" /* c\n\nd */;"],
  ],
  ["SELECT 99   \n  -- end comment\n\n", ["SELECT 99   \n  -- end comment"]],
  ["SELECT 1;\r\nSELECT 2\r\n ;\r\n", ["SELECT 1;", "SELECT 2\r\n ;"]],
  ["\ufeffSELECT 1;", ["SELECT 1;"]],
  ["-- nothing but this\n", []],
  ["", []],
];

describe("a file of SQL", () => {
  it.each(SENT)("%j is cut as psql -f sends it", (file, texts) => {
    expect(psqlTexts(file)).toEqual({ kind: "texts", texts });
  });

  it.each([
    ["what does not parse", "SELEKT 1;"],
    ["a command of psql's", "\\i other.sql\nSELECT 1;"],
    ["a variable of psql's", "SELECT * FROM :t;"],
    ["data behind COPY", "COPY t FROM STDIN;\n1\n2\n\\.\n"],
    ["a NUL", "SELECT 1;\0SELECT 2;"],
  ])("with %s is not cut", (_what, file) => {
    expect(psqlTexts(file).kind).toBe("unreadable");
  });
});
