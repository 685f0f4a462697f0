import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { As, ColumnRule } from "../../src/masking/columns.ts";
import { openMasker, structure } from "../../src/masking/mask.ts";
import type { Slot } from "../../src/model/command.ts";

const key = Buffer.alloc(32, 7);
const rules: readonly ColumnRule[] = [
  { columns: ["users.email"], as: "partial" },
  { columns: ["*.ssn"], as: "redact" },
];
const masker = openMasker(
  [
    { columns: ["users.email"], as: "partial" },
    { columns: ["people.ssn"], as: "redact" },
  ],
  key,
);

/** A slot for each literal of a text that is written here as `<columns|literal>`. */
function marked(source: string): { text: string; slots: Slot[] } {
  const slots: Slot[] = [];
  let text = "";
  let end = 0;
  for (const match of source.matchAll(/<([^|<>]*)\|([^<>]*)>/g)) {
    text += source.slice(end, match.index);
    const [, columns = "", literal = ""] = match;
    slots.push({
      at: { from: text.length, to: text.length + literal.length },
      columns: columns.split(",").filter(Boolean),
    });
    text += literal;
    end = match.index + match[0].length;
  }
  return { text: text + source.slice(end), slots };
}

function masked(source: string, objects: readonly string[], by = masker): string {
  const { text, slots } = marked(source);
  return by.maskText(text, slots, objects).text;
}

describe("the text of a command", () => {
  it.each([
    [
      "SELECT * FROM users WHERE email = <users.email|'bob@example.com'>",
      ["users"],
      "SELECT * FROM users WHERE email = 'b***@example.com'",
    ],
    [
      "SELECT * FROM users WHERE email = <email|'bob@example.com'>",
      ["users"],
      "SELECT * FROM users WHERE email = 'b***@example.com'",
    ],
    [
      "UPDATE app.users SET email = <app.users.email|'bob@example.com'>",
      ["app.users"],
      "UPDATE app.users SET email = 'b***@example.com'",
    ],
    [
      "SELECT 1 FROM users u WHERE u.email = <u.email|'bob@example.com'>",
      ["users"],
      "SELECT 1 FROM users u WHERE u.email = 'b***@example.com'",
    ],
    [
      "SELECT * FROM users WHERE f(<|'bob'>) LIMIT <|10>",
      ["users"],
      "SELECT * FROM users WHERE f('[redacted]') LIMIT [redacted]",
    ],
    [
      "SELECT * FROM people WHERE ssn = <people.ssn|123456789>",
      ["people"],
      "SELECT * FROM people WHERE ssn = [redacted]",
    ],
    ["SELECT <|'hello'>", [], "SELECT '[redacted]'"],
    ["SELECT * FROM users WHERE id = <users.id|7>", ["users"], "SELECT * FROM users WHERE id = 7"],
    [
      "SELECT * FROM orders WHERE id = <orders.id|7> LIMIT <|10>",
      ["orders"],
      "SELECT * FROM orders WHERE id = 7 LIMIT 10",
    ],
    ["UPDATE users SET email = <users.email|E'b\\x6fb'>", ["users"], "UPDATE users SET email = '[redacted]'"],
    [
      "UPDATE users SET email = <users.email|'o''brien@example.com'>",
      ["users"],
      "UPDATE users SET email = 'o***@example.com'",
    ],
  ])("%s", (source, objects, expected) => {
    expect(masked(source, objects)).toBe(expected);
  });

  it.each([
    [
      "SELECT * FROM users WHERE email = 'bob@example.com' AND (",
      "SELECT * FROM users WHERE email = '[redacted]' AND (",
    ],
    ["SELEC \"bob\", 42, $1, t2 -- don't\n 'x'", "SELEC '[redacted]', [redacted], $1, t2 -- don't\n '[redacted]'"],
    [
      "/* it's /* nested */ */ $t$ bob $t$ 'a''b' E'a\\'b' c",
      "/* it's /* nested */ */ '[redacted]' '[redacted]' '[redacted]' c",
    ],
    ["x 'bob\\' y 'z'", "x '[redacted]'"],
    ["x 'never ends", "x '[redacted]'"],
    ["$1$$bob$$ 1$$bob$$", "$1'[redacted]' [redacted]'[redacted]'"],
  ])("takes every literal out of a text that could not be read: %s", (text, expected) => {
    expect(masker.maskText(text, [], []).text).toBe(expected);
  });

  it("takes out literals that the reader told nothing of, where a masked table is touched", () => {
    expect(masked("COMMENT ON TABLE users IS 'bob'", ["users"])).toBe("COMMENT ON TABLE users IS '[redacted]'");
    expect(masked("DO $$ delete 'bob' $$; SELECT <users.id|1>", ["users"])).toBe("DO '[redacted]'; SELECT 1");
    expect(masked("COMMENT ON TABLE orders IS 'late'", ["orders"])).toBe("COMMENT ON TABLE orders IS 'late'");
  });

  it("shows nothing at all when a slot cannot be where it says", () => {
    for (const at of [
      { from: 5, to: 5 },
      { from: -1, to: 2 },
      { from: 0, to: 99 },
      { from: 0.5, to: 2 },
    ]) {
      expect(masker.maskText("SELECT 'bob'", [{ at, columns: [] }], ["orders"])).toEqual({
        text: "[redacted]",
        spans: 1,
      });
    }
  });

  it("changes nothing without rules, but for what has no UTF-8", () => {
    const none = openMasker([], key);
    expect(none.maskText("SELECT 'bob\u202E'", [], [])).toEqual({ text: "SELECT 'bob\u202E'", spans: 0 });
    expect(none.maskText("a\uD800b", [], []).text).toBe("a\\u{D800}b");
  });

  it("redacts what overlaps, as one", () => {
    const slot = (from: number, to: number, column: string): Slot => ({ at: { from, to }, columns: [column] });
    const text = "SELECT 'bob@example.com', 'x'";
    const slots = [slot(7, 24, "users.email"), slot(9, 12, "people.ssn"), slot(20, 26, "users.email")];
    expect(masker.maskText(text, slots, ["users"])).toEqual({
      text: "SELECT 'b***@example.com'[redacted]'[redacted]'",
      spans: 3,
    });
    expect(masker.maskText(text, [slot(7, 9, "users.email"), slot(7, 24, "people.ssn")], ["users"]).text).toBe(
      "SELECT '[redacted]', '[redacted]'",
    );
  });

  it("never lets a secret through, however slots lie over each other", () => {
    const secret = "qzwvkjhgfbm";
    const piece = fc.constantFrom("SELECT ", "'x'", ", ", "$$y$$", "-- c\n", "E'\\''", "7 ", '"n" ');
    const pieces = fc.array(piece, { maxLength: 6 }).map((each) => each.join(""));
    const other = fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 40 }), fc.boolean());
    fc.assert(
      fc.property(pieces, pieces, fc.array(other, { maxLength: 3 }), (before, behind, others) => {
        const text = `${before}'${secret}'${behind}`;
        const from = before.length;
        const slots: Slot[] = [{ at: { from, to: from + secret.length + 2 }, columns: ["users.email"] }];
        for (const [start, length, traced] of others) {
          const to = Math.min(text.length, start + length);
          if (start < to) slots.push({ at: { from: start, to }, columns: traced ? ["orders.id"] : ["people.ssn"] });
        }
        const { text: shown } = openMasker([{ columns: ["*.email", "*.ssn"], as: "redact" }], key).maskText(
          text,
          slots,
          ["users"],
        );
        // Not even three characters of it in a row.
        for (let at = 0; at + 3 <= secret.length; at += 1) expect(shown).not.toContain(secret.slice(at, at + 3));
      }),
    );
  });
});

describe("values beside the text", () => {
  it("masks by the columns that a value goes to, and an untraced one where a masked table is touched", () => {
    const slots: Slot[] = [
      { at: { param: 0 }, columns: ["users.email"] },
      { at: { param: 1 }, columns: ["users.id"] },
      { at: { param: 3 }, columns: ["users.id"] },
      { at: { param: 3 }, columns: [] },
    ];
    const params = ["bob@example.com", "7", "x", "y", null];
    const masks = masker.paramMasks({ slots, objects: ["users"] }, params.length);
    const shown = params.map((value, index) => masker.maskCell(value, masks[index]));
    expect(shown).toEqual(["b***@example.com", "7", "[redacted]", "[redacted]", null]);
    expect(masks).toEqual(["partial", undefined, "redact", "redact", "redact"]);
    expect(masker.paramMasks({ slots: [], objects: ["orders"] }, 1)).toEqual([undefined]);
  });

  it("leaves a result's value alone where no rule speaks for its column, and a null always", () => {
    expect(masker.maskCell("x", undefined)).toBe("x");
    expect(masker.maskCell(null, "redact")).toBeNull();
    expect(masker.maskCell("", "redact")).toBe("[redacted]");
  });
});

describe("how a masked value looks", () => {
  const cell = (value: string, as: As) => masker.maskCell(value, as);

  it.each([
    ["bob@example.com", "b***@example.com"],
    ["bo@example.com", "***@example.com"],
    ["12345", "[redacted]"],
    ["123456", "1***"],
    ["123456789", "1***9"],
    ["Ada Lovelace", "A***e"],
    ["𝒜da Lovelac𝓮", "𝒜***𝓮"],
  ])("partial of %s is %s", (value, expected) => {
    expect(cell(value, "partial")).toBe(expected);
  });

  it("never shows more than a third of a value that is no e-mail address", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 30 }), (value) => {
        fc.pre(!value.includes("@"));
        const shown = String(cell(value, "partial"));
        const kept = shown === "[redacted]" ? 0 : Array.from(shown).length - 3;
        expect(kept * 3).toBeLessThanOrEqual(Array.from(value).length);
      }),
    );
  });

  it("shows the same for the same value within a session, and something else in another", () => {
    const other = openMasker(rules, Buffer.alloc(32, 8));
    expect(cell("bob", "hash")).toMatch(/^h:[\w-]{22}$/);
    expect(cell("bob", "hash")).toBe(cell("bob", "hash"));
    expect(cell("bob", "hash")).not.toBe(cell("bib", "hash"));
    expect(other.maskCell("bob", "hash")).not.toBe(cell("bob", "hash"));
    const fresh = openMasker(rules, key);
    expect(["x", "y", "x"].map((value) => fresh.maskCell(value, "tokenise"))).toEqual(["t:1", "t:2", "t:1"]);
  });

  it("gives a value one token, whether it stands in the text, beside it, or in a result", () => {
    const one = openMasker([{ columns: ["users.email"], as: "tokenise" }], key);
    expect(one.maskCell("o'brien", "tokenise")).toBe("t:1");
    const slots = [{ at: { param: 0 }, columns: ["users.email"] }];
    expect(one.maskCell("o'brien", one.paramMasks({ slots, objects: ["users"] }, 1)[0])).toBe("t:1");
    expect(masked("SELECT <users.email|'o''brien'>", ["users"], one)).toBe("SELECT 't:1'");
  });

  it("hashes once there are more values than it keeps tokens for", () => {
    const one = openMasker(rules, key);
    for (let count = 0; count < 100_000; count += 1) one.maskCell(String(count), "tokenise");
    expect(one.maskCell("7", "tokenise")).toBe("t:8");
    expect(one.maskCell("new", "tokenise")).toMatch(/^h:/);
  });

  it("takes no key that could be searched", () => {
    expect(() => openMasker(rules, new Uint8Array(8))).toThrow(RangeError);
  });
});

it("writes out what cannot be seen in a structure's names, on one line", () => {
  expect(structure("users\u202E\n")).toBe("users\\u{202E}\\u{A}");
});
