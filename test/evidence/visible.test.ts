import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codeBlock, codeSpan, csvCell, cut, visible, visibleLine } from "../../src/evidence/visible.ts";

const HOSTILE = [
  "```\n# out\n```",
  "`` ` ``",
  "@octocat and #1 and https://evil.example",
  "</details><script>alert(1)</script>",
  "a | b | c",
  "\u202eevil\u202c\u2066x\u2069",
  "zero\u200bwidth\u00adsoft\u180emongolian\u3164filler",
  "\u001b[31mred\u0007\0",
  "![x](https://evil.example/x.png)",
  "$$\\frac{1}{2}$$",
  "mermaid\n```mermaid\ngraph TD\n```",
  "=cmd|' /C calc'!A0",
  "line\r\nanother\u2028third\u2029fourth\u0085fifth",
  "~~~\n~~~",
  "\ud800lone",
] as const;

const text = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: "binary" }),
  fc.array(fc.constantFrom("`", "\n", "|", " ", "a", "\u202e", "\\"), { maxLength: 30 }).map((each) => each.join("")),
);

/** What a reader of CommonMark takes for the content of a code span, or undefined if the text is not exactly one. */
function spanContent(markdown: string): string | undefined {
  const [, fence = "", inside = ""] = /^(`+)([\s\S]*)$/.exec(markdown) ?? [];
  const runs = [...inside.matchAll(/`+/g)].filter(([run]) => run.length === fence.length);
  const [only, ...more] = runs;
  if (fence === "" || only === undefined || more.length > 0 || only.index + fence.length !== inside.length)
    return undefined;
  const content = inside.slice(0, only.index);
  return content.startsWith(" ") && content.endsWith(" ") && content.trim() !== "" ? content.slice(1, -1) : content;
}

describe("hostile text", () => {
  it("shows every character that has no width, moves the cursor or reorders what is around it", () => {
    fc.assert(
      fc.property(text, (each) => {
        expect(visible(each)).not.toMatch(/(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/u);
        expect(visibleLine(each)).not.toMatch(/[\n\t\r]/);
      }),
    );
    expect(visible("a\u202eb\r\n")).toBe("a\\u{202e}b\\u{d}\n");
  });

  it("cannot leave a code span, nor its cell", () => {
    fc.assert(
      fc.property(text, (each) => {
        const span = codeSpan(each);
        expect(span).not.toContain("|");
        expect(span).not.toContain("\n");
        const shown = visibleLine(cut(each, 120)).replaceAll("|", "\\u{7c}");
        expect(spanContent(span.replace(/&lrm;$/, ""))).toBe(shown === "" ? undefined : shown);
      }),
    );
  });

  it("cannot leave a fenced block", () => {
    fc.assert(
      fc.property(text, (each) => {
        const [opening = "", ...lines] = codeBlock(each).split("\n").slice(0, -1);
        const fence = opening.replace("text", "");
        expect(fence).toMatch(/^`{3,}$/);
        const closing = lines.findIndex((line) => new RegExp(`^ {0,3}\`{${fence.length},}\\s*$`).test(line));
        expect(closing).toBe(lines.length - 1);
      }),
    );
  });

  it("is no formula in a spreadsheet and no more than one cell", () => {
    fc.assert(
      fc.property(text, (each) => {
        const cell = csvCell(each);
        expect(cell).not.toMatch(/^"?[-=+@\t\r]/);
        expect(cell).not.toMatch(/[\r\n]/);
        expect(cell).toMatch(/^(?:[^",]*|"(?:[^"]|"")*")$/);
      }),
    );
  });

  it("is never cut in silence, nor through a pair", () => {
    expect(cut("x".repeat(130), 120)).toBe(`${"x".repeat(120)} … (10 more characters)`);
    expect(cut(`${"x".repeat(119)}😀y`, 120)).toBe(`${"x".repeat(119)} … (3 more characters)`);
    expect(cut("short", 120)).toBe("short");
  });
});
