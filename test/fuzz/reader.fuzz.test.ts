import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import { openSqlReader } from "../../src/languages/sql/reader.ts";
import { EMPTY_SESSION } from "../../src/languages/sql/taken-session.ts";
import { BY_THE_CLOCK } from "./clock.ts";

// Texts of the corpus, taken apart and put together again: the reader never throws, always says something, and what it
// says of a text is what it says the second time.

const reader = await openSqlReader();
const texts = readFileSync("test/corpus/postgres.jsonl", "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => (JSON.parse(line) as { readonly input: string }).input);

const piece = fc.oneof(
  fc.constantFrom(...texts),
  fc
    .tuple(fc.constantFrom(...texts), fc.nat(), fc.nat())
    .map(([text, from, to]) => text.slice(from % (text.length + 1), to % (text.length + 1))),
  fc.string({ unit: "binary", maxLength: 20 }),
);

it("never throws, and reads a text the same twice", () => {
  fc.assert(
    fc.property(
      fc.array(piece, { minLength: 1, maxLength: 4 }),
      fc.constantFrom("", " ", ";", "'", "\n--", "/*"),
      (pieces, glue) => {
        const text = pieces.join(glue);
        const reading = reader.read(text, EMPTY_SESSION);
        expect(reading.effects.length).toBeGreaterThan(0);
        expect(reader.read(text, EMPTY_SESSION)).toEqual(reading);
        const outside = reading.slots.filter(
          ({ at }) => "from" in at && !(at.from >= 0 && at.to <= text.length && at.from < at.to),
        );
        expect(outside).toEqual([]);
      },
    ),
    BY_THE_CLOCK,
  );
});
