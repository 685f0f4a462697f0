import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Erasure } from "../../src/evidence/erasure.ts";
import { indexOf, indexRow, monthPage } from "../../src/evidence/pages.ts";
import { readEvents } from "../../src/evidence/read-events.ts";
import { sessionPage } from "../../src/evidence/session-page.ts";
import { Summariser } from "../../src/evidence/summary.ts";
import { codeBlock, codeSpan, csvCells, cut, visibleLine, visibleValue } from "../../src/evidence/visible.ts";
import { render } from "./github.ts";
import { HOSTILE, hostileSession, nameOf } from "./hostile.ts";

const hostile = fc
  .oneof(
    fc.constantFrom(...HOSTILE),
    fc.string({ unit: "binary", minLength: 1, maxLength: 300 }),
    fc
      .array(
        fc.constantFrom(
          ..."`~|<>[]()!*_#@$:\\-=+.&;\"'{}% \n\t\r\0".split(""),
          "a",
          "\u202e",
          "</",
          "```",
          "\u05d0",
          "http://",
        ),
        { minLength: 1, maxLength: 60 },
      )
      .map((each) => each.join("")),
  )
  // What has the form of a repository, and no other, may become a link to it.
  .filter((each) => !/^[\w-]+\/[\w.-]+$/.test(each));

const spanOf = (text: string): string => visibleLine(cut(nameOf(text), 120)).replaceAll("|", "\\u{7c}");
const blockOf = (text: string): string => {
  const shown = visibleValue(cut(text, 4000), "several");
  return shown.endsWith("\n") ? shown : `${shown}\n`;
};

function pageOf(...texts: readonly [string, ...string[]]) {
  const { events, disclosures } = hostileSession(...texts);
  const summariser = new Summariser();
  readEvents(events, (event) => summariser.add(event));
  const [first] = texts;
  const erasures: readonly Erasure[] = [
    { at: nameOf(first), by: nameOf(first), reason: nameOf(first), sid: "", digests: ["x"], ptrs: [nameOf(first)] },
  ];
  // A name of letters and digits may stand in the diagram as it is.
  const unnamed = (skeleton: string): string => skeleton.replace(/as target [\w-]{1,30}\\n/, "as target 1\\n");
  const session = render(sessionPage(events, disclosures, { index: 7, erasures }));
  return {
    session: { ...session, skeleton: unnamed(session.skeleton) },
    month: render(monthPage("2026-11", indexOf([indexRow(summariser.summary())]))),
    row: indexRow(summariser.summary()),
  };
}

describe("a page in which everything is hostile, as GitHub renders it", () => {
  const benign = pageOf("word");

  it("has things to judge", () => {
    expect(benign.session.skeleton.match(/<details|<table|<h3|<h2|<a /g)?.length).toBeGreaterThan(15);
    expect(benign.session.skeleton).toContain("<code class=language-mermaid>");
    expect(benign.session.code.filter((each) => each.startsWith("word")).length).toBeGreaterThan(40);
    expect(benign.session.links).toEqual(
      ["approvals/7Q2M4N8X3K.dsse.json", "#erased", "erasures/1.dsse.json"].filter((each) =>
        benign.session.links.includes(each),
      ),
    );
  });

  it.each(HOSTILE.map((text) => ({ text, label: JSON.stringify(text.slice(0, 50)) })))(
    "has no element, attribute or word that $label brought",
    ({ text }) => {
      const page = pageOf(text);
      expect(page.session.skeleton).toBe(benign.session.skeleton);
      expect(page.month.skeleton).toBe(benign.month.skeleton);
      expect(page.session.code).toContain(spanOf(text));
      expect(page.session.code).toContain(blockOf(text));
    },
  );

  it("has none that any text brought, alone or beside others, and still shows each", () => {
    fc.assert(
      fc.property(hostile, hostile, hostile, (one, other, third) => {
        const page = pageOf(one, other, third);
        expect(page.session.skeleton).toBe(benign.session.skeleton);
        expect(page.month.skeleton).toBe(benign.month.skeleton);
        for (const each of [one, other, third]) expect(page.session.code).toContain(spanOf(each));
      }),
      { numRuns: 150 },
    );
  });

  it("shows one value in one way only, so that nobody can type what looks like an unseen character", () => {
    fc.assert(
      fc.property(hostile, hostile, (one, other) => {
        fc.pre(one !== other);
        expect(visibleValue(one, "one")).not.toBe(visibleValue(other, "one"));
      }),
    );
    expect(visibleValue("\u202e", "one")).not.toBe(visibleValue("\\u{202e}", "one"));
  });
});

describe("code of hostile text, as GitHub renders it", () => {
  it("is one span of just that text, in a paragraph and in a cell", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const cell = render(`| a | b |\n| --- | --- |\n| ${codeSpan(nameOf(text))} | after |\n`);
        expect(cell.code).toEqual([spanOf(text)]);
        expect(cell.words.replaceAll(/\s+/g, " ").trim()).toBe("a b after");
        const line = render(`before ${codeSpan(nameOf(text))} after\n`);
        expect(line.code).toEqual([spanOf(text)]);
      }),
      { numRuns: 500 },
    );
  });

  it("is one block of just that text, folded away or not", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const shown = visibleValue(cut(text, 4000), "several");
        const page = render(`<details><summary>x</summary>\n\n${codeBlock(shown)}\n</details>\n\nafter\n`);
        expect(page.code).toEqual([blockOf(text)]);
        expect(page.words.replaceAll(/\s+/g, " ").trim()).toBe("x after");
      }),
      { numRuns: 500 },
    );
  });

  it("is one cell of a CSV file wherever a reader parts cells, and no formula in any of them", () => {
    fc.assert(
      fc.property(hostile, hostile, (actor, target) => {
        const { row } = pageOf(actor, target);
        expect(row.endsWith("\n")).toBe(true);
        expect(row.slice(0, -1)).not.toMatch(/[\n\r;\t]/);
        const cells = csvCells(row.slice(0, -1));
        expect(cells).toHaveLength(10);
        for (const cell of cells) expect(cell).not.toMatch(/^[-=+@\uff1d\uff0b\uff0d\uff20]/);
      }),
      { numRuns: 100 },
    );
  });
});
