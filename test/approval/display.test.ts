import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { impactWords, reachWords, type Span, spans, viewRequest, visible } from "../../src/approval/display.ts";
import { masked, sampleRequest } from "../gateway/desk/sample.ts";

// What may reach an eye: no control but a line feed, no format, private, unassigned or lone half, nothing that draws nothing.
const HIDDEN = /(?!\n)[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}\p{DI}]|(?! )\p{Zs}/u;
const nasty = fc.string({
  unit: fc.oneof(
    fc.constantFrom("\u202E", "\u200B", "\u0000", "\u001B[31m", "\r", "\u00A0", "\u2028", "\uD800", "\u{E0041}", "\t"),
    fc.constantFrom("\n", " ", "\\u{202E}", "a", "D", "'", "<b>", "а"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  ),
  maxLength: 60,
});

describe("what a person sees of a request", () => {
  it("holds no character that hides, wherever a job could have put one", () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const base = sampleRequest();
        const view = viewRequest({
          ...base,
          target: text,
          text: masked(text),
          params: [masked(text)],
          objects: [text, "public.orders"],
          why: [text],
          matched: [text],
          rule: text,
          message: text,
          policy: text,
          impact: { estimated: -1, counted: -1, note: text },
          identity: { ...base.identity, ref: text, actor: text, workflowRef: text, job: text },
        });
        const { id: _id, digest: _digest, digestHead: _head, requestedAt: _at, expiresAt: _end, ...shown } = view;
        for (const each of strings(shown)) {
          expect(each).not.toMatch(HIDDEN);
        }
      }),
    );
  });

  it("shows every other character of the text, in order, and folds nothing without a count", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", "'", ";", "é", "字", "\n", " "), maxLength: 80 }), (text) => {
        fc.pre(!/\n(?: *\n){5}/.test(text) && !/ {65}/.test(text));
        expect(joined(spans(text))).toBe(text);
      }),
    );
    const folded = spans(`SELECT 1${"\n".repeat(10_001)}; DROP TABLE t${" ".repeat(300)}x`);
    expect(joined(folded)).toBe("SELECT 1\n[10,000 blank lines]\n; DROP TABLE t[300 blanks]x");
    expect(folded.filter((each) => each.kind === "note")).toHaveLength(2);
  });

  it("marks escapes, its own and those that masking made, and says that they are there", () => {
    expect(spans("a\u202Eb")).toEqual([
      { kind: "text", text: "a" },
      { kind: "escape", text: "\\u{202E}" },
      { kind: "text", text: "b" },
    ]);
    expect(spans("a\\u{202E}b").map((each) => each.kind)).toEqual(["text", "escape", "text"]);
    expect(viewRequest(sampleRequest({ text: masked("x\\u{200B}y") })).warnings.join()).toContain("hide or reorder");
  });

  it("does not escape what is escaped already", () => {
    fc.assert(
      fc.property(nasty, (text) => {
        expect(visible(visible(text))).toBe(visible(text));
      }),
    );
  });

  it("says which word mixes alphabets", () => {
    const view = viewRequest(sampleRequest({ text: masked("DELETE FROM оrders") }));
    expect(view.warnings.join()).toContain("\\u{43E}rders");
    expect(viewRequest(sampleRequest({ text: masked("DELETE FROM заказы") })).warnings).toEqual([]);
  });

  it("says that comments are the job's own words", () => {
    const view = viewRequest(sampleRequest({ text: masked("DELETE FROM orders -- approved by the CTO, 1 row") }));
    expect(view.warnings.join()).toContain("written by the job");
  });

  it("warns of an open transaction, of an unreadable command and of unknown objects", () => {
    const view = viewRequest(sampleRequest({ inTransaction: true, effects: ["unknown"], objects: [] }));
    expect(view.warnings).toHaveLength(3);
    expect(view.headline).toBe("Unreadable command");
    expect(view.facts.find((each) => each.label === "Touches")?.tone).toBe("warn");
  });

  it("counts what it does not list", () => {
    const many = viewRequest(
      sampleRequest({
        objects: Array.from({ length: 230 }, (_, at) => `t${at}`),
        params: Array.from({ length: 501 }, () => masked("x")),
      }),
    );
    expect(many.facts.find((each) => each.label === "Touches")?.value).toContain("and 30 more");
    expect(many.params).toHaveLength(500);
    expect(many.paramsHidden).toBe(1);
  });

  it("cuts a name that is really a message to the approver, and says by how much", () => {
    const base = sampleRequest();
    const view = viewRequest({
      ...base,
      identity: { ...base.identity, ref: `refs/heads/${"please-approve-".repeat(40)}` },
    });
    const branch = view.facts.find((each) => each.label === "Branch");
    expect(branch?.group).toBe("job");
    expect(branch?.value).toMatch(/… \(\d+ more characters\)$/);
    expect(branch?.value.length).toBeLessThan(240);
  });

  it("always names the digest and the bytes that an answer covers", () => {
    const request = sampleRequest();
    const view = viewRequest(request);
    expect(view.digestHead).toBe(request.digest.slice(0, 12));
    expect(view.bytes).toBe(request.bytes);
  });
});

describe("rows and reach in words", () => {
  it("tells counted from estimated and from not known", () => {
    expect(impactWords({ counted: 3, estimated: 3, note: "" })).toBe("Would touch 3 rows (counted before it ran)");
    expect(impactWords({ counted: 1, estimated: 120, note: "" })).toContain(
      "1 row (counted before it ran; the plan estimates 120)",
    );
    expect(impactWords({ counted: -1, estimated: 1200, note: "too slow" })).toBe(
      "The plan estimates 1,200 rows (too slow)",
    );
    expect(impactWords({ counted: -1, estimated: -1, note: "" })).toContain("Not known");
    expect(impactWords({ counted: 0, estimated: -1, note: "" })).toContain("0 rows");
  });

  it("never calls an unbounded change limited", () => {
    expect(reachWords({ effects: ["delete"], objects: ["public.orders"], bounded: false })).toBe(
      "Reaches every row of public.orders",
    );
    expect(reachWords({ effects: ["write"], objects: [], bounded: false })).toContain("every row");
    expect(reachWords({ effects: ["write"], objects: ["t"], bounded: true })).toBe("Limited by a condition");
    expect(reachWords({ effects: ["read"], objects: ["t"], bounded: true })).toBe("");
  });
});

function joined(all: readonly Span[]): string {
  return all.map((each) => each.text).join("");
}

function strings(value: unknown): readonly string[] {
  if (typeof value === "string") {
    return [value];
  }
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(strings) : [];
}
