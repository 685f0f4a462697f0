import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSameCode, readComment, requestCode } from "../../src/approval/code.ts";
import { APPROVE, CODE, DENY } from "./facts.ts";

const bytes = fc.uint8Array({ minLength: 7, maxLength: 7 });

describe("a code", () => {
  it("is ten characters that nobody misreads, of 50 random bits", () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 0, max: 49 }), (random, bit) => {
        const other = Uint8Array.from(random);
        const at = 6 - Math.floor(bit / 8);
        other[at] = (other[at] ?? 0) ^ (1 << (bit % 8));
        expect(requestCode(random)).toMatch(/^[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$/);
        expect(requestCode(other)).not.toBe(requestCode(random));
      }),
    );
    expect(() => requestCode(new Uint8Array(6))).toThrow(RangeError);
  });

  it("is the same as itself alone, whichever is longer", () => {
    const text = fc.string({ maxLength: 14 });
    fc.assert(
      fc.property(text, text, (one, other) => {
        expect(isSameCode(one, other)).toBe(one === other);
        expect(isSameCode(one, one)).toBe(true);
        expect(isSameCode(one, one + one)).toBe(one === "");
      }),
    );
  });

  it("is read from a comment that shows what was typed, with the words of a person behind it", () => {
    expect(readComment(APPROVE)).toEqual({ kind: "answer", word: "approve", code: CODE });
    expect(readComment(`${DENY}\r\nNot on a Friday.`)).toEqual({ kind: "answer", word: "refuse", code: CODE });
  });

  it.each([
    ["quoted", `> ${APPROVE}`],
    ["in a block", `\`\`\`\n${APPROVE}\n\`\`\``],
    ["in a code span", `\`${APPROVE}\``],
    ["indented", `    ${APPROVE}`],
    ["in a comment of HTML", `<!-- ${APPROVE} -->`],
    ["in a comment of HTML that opens above", `<!--\n${APPROVE}\n-->`],
    ["in the middle of a line", `I say ${APPROVE}`],
    ["with words behind it", `${APPROVE} please`],
    ["with a blank behind it", `${APPROVE} `],
    ["on the second line", `\n${APPROVE}`],
    ["with a look-alike letter", APPROVE.replace("c", "с")],
    ["with a look-alike digit", APPROVE.replace("0", "О")],
    ["with two blanks", APPROVE.replace(" ", "  ")],
    ["with a no-break space", APPROVE.replace(" ", "\u00a0")],
    ["with a zero-width space", APPROVE.replace("-", "\u200b-")],
    ["in small letters", APPROVE.toLowerCase()],
    ["in great letters", APPROVE.toUpperCase()],
    ["with half a code", APPROVE.slice(0, -6)],
    ["with no code", "/countersign approve"],
    ["with another verb", APPROVE.replace("approve", "aprove")],
    ["with a line separator behind it", `${APPROVE}\u2028x`],
  ])("is not read where it stands %s, and who wrote it is told how", (_where, body) => {
    const said = readComment(body);
    expect(said.kind === "malformed" ? said.hint : said.kind).toContain("whole first line");
  });

  it.each(["Looks good to me.", "+1", "👍", "LGTM, I countersign that", "/lgtm", ""])(
    "has nothing to do with %j",
    (body) => {
      expect(readComment(body)).toEqual({ kind: "other" });
    },
  );

  it("is found in no text that does not begin with the command", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (before, after) => {
        const said = readComment(`${before}${APPROVE}${after}`);
        const alone = before === "" && /^(?:\r?\n|$)/.test(after);
        expect(said.kind === "answer").toBe(alone || /^\/countersign (?:approve|deny) [0-9A-Z-]{11}\r?\n/.test(before));
      }),
    );
  });
});
