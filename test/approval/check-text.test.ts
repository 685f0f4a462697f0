import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkText } from "../../src/approval/check-text.ts";
import type { ApprovalRequest } from "../../src/approval/ports.ts";
import { render } from "../evidence/github.ts";
import { masked, sampleRequest } from "../gateway/desk/sample.ts";
import { asked, expectContract, markup, nasty, whole } from "./checks.ts";
import { CODE } from "./facts.ts";

describe("a check", () => {
  it("asks for one command: facts first, then the text, then what the job says of itself", () => {
    const bounded = asked({
      text: masked("DELETE FROM orders WHERE id = $1"),
      params: [masked("17")],
      bounded: true,
      why: [],
      matched: ["effects delete"],
      impact: { estimated: 1, counted: 1, note: "" },
    });
    expect(whole(checkText([bounded], markup))).toMatchInlineSnapshot(`
      "Approval needed: delete

      One command waits for one person to approve: delete.

      ### Request \`7Q2M9XK4ZT\`

      Digest \`N1EyTTlYSzRaVC4uLi4uLi4uLi4uLi4uLi4uLi4uLi4\` over 25 bytes. It waits until \`2026-11-23T10:05:00.000Z\`.

      #### What it would do

      \`\`\`text
      Delete from public.orders, at appdb
      Effects: delete
      Reach: Limited by a condition
      Rows: Would touch 1 row (counted before it ran)
      Touches: public.orders
      Rule: destructive: Deleting needs a second pair of eyes.
      \`\`\`

      #### The command

      \`\`\`text
      DELETE FROM orders WHERE id = $1
      \`\`\`

      #### Its values

      \`\`\`text
      $1 = 17
      \`\`\`

      #### Said by the job of itself, which proves nothing

      \`\`\`text
      Asked by: maria
      Workflow: acme/shop/.github/workflows/reflect.yml@refs/heads/main
      Job: reflect, run 1812
      Repository: acme/shop
      Commit: 3f9a2c1d0b7e4a6f8c5d2e1b9a7c6f4e3d2c1b0a
      Branch: refs/heads/main
      \`\`\`

      #### Why it was held

      \`\`\`text
      Because: effects delete
      Policy: sha256:5f1c0a77
      \`\`\`

      Answer it by the buttons of this check, when it is the first that waits; by a review of the pull request that approves, submitted from now on; by a comment whose whole first line is this, or the same with \`deny\`:

      \`\`\`text
      /countersign approve H8KQ2-0VXM7
      \`\`\`


      "
    `);
  });

  it("says that no condition limits a command, in its title too", () => {
    const text = checkText([asked()], markup);
    expect(text.title).toBe("Approval needed: delete, limited by no condition");
    expect(whole(text)).toContain("Reach: Reaches every row of public.orders");
    expect(text.buttons.map(({ label }) => label)).toEqual(["Approve once", "Deny"]);
    expect(text.shownWhole).toEqual(["7Q2M9XK4ZT"]);
  });

  it("shows a statement of a hundred lines whole", () => {
    const lines = Array.from({ length: 100 }, (_, at) => `UPDATE orders SET note = 'line ${at}' WHERE id = ${at};`);
    const text = checkText([asked({ text: masked(lines.join("\n")) })], markup);
    expect(text.text).toContain(lines.join("\n"));
    expect(text.buttons).toHaveLength(2);
  });

  it("shows head and tail of what is longer than a check, says how much is missing, and cannot approve it", () => {
    const body = `DELETE FROM first;\n${"-- x\n".repeat(20_000)}DELETE FROM last;`;
    const text = checkText([asked({ text: masked(body), bytes: 100_030 })], markup);
    expect(text.text).toContain("DELETE FROM first;");
    expect(text.text).toContain("DELETE FROM last;");
    const missing = Number(
      /\*\*([0-9,]+) characters are left out here\.\*\*/.exec(text.text)?.[1]?.replaceAll(",", ""),
    );
    const shown = [...text.text.matchAll(/^-- x$/gm)].length * 5 + 36;
    expect(Math.abs(body.length - missing - shown)).toBeLessThan(10);
    expect(text.text).toContain("over 100,030 bytes");
    expect(text.text).toContain("**It cannot be approved here, because not all of it fits here.**");
    expect(text.text).not.toContain(CODE);
    expect(text.buttons.map(({ label }) => label)).toEqual(["Deny"]);
    expect(text.shownWhole).toEqual([]);
  });

  it("cannot approve what touches more than it lists", () => {
    const objects = Array.from({ length: 201 }, (_, at) => `t${at}`);
    expect(checkText([asked({ objects })], markup).shownWhole).toEqual([]);
    expect(checkText([asked({ objects: objects.slice(1) })], markup).shownWhole).toHaveLength(1);
    expect(checkText([asked({ objects: ["x".repeat(20_000)] })], markup).shownWhole).toEqual([]);
  });

  it("says which values it leaves out", () => {
    const params = Array.from({ length: 501 }, () => masked("x"));
    expect(whole(checkText([asked({ params })], markup))).toContain("1 more values are not listed here.");
    expect(whole(checkText([asked({ params: [masked("y".repeat(9000))] })], markup))).toMatch(
      /\*\*[0-9,]+ characters are left out here\.\*\*/,
    );
    expect(whole(checkText([asked({ params: [masked("a\nb = 2"), masked("c")] })], markup))).toContain(
      "$1 = a\\u{A}b = 2\n$2 = c\n",
    );
  });

  it("lists the twenty that one job may have waiting, with buttons for the first and codes for those shown whole", () => {
    const twenty = Array.from({ length: 20 }, (_, at) =>
      asked(
        {
          id: `00000000${String(at).padStart(2, "0")}`,
          objects: [`table_${at}`],
          text: masked(`DELETE FROM table_${at}`),
        },
        `C0DE0-000${String(at).padStart(2, "0")}`,
      ),
    );
    const text = checkText(twenty, markup);
    expect(text.title).toBe("20 commands need approval");
    expect(text.summary).toContain("19 more wait behind it.");
    expect(text.buttons.map(({ identifier }) => identifier)).toEqual(["approve:0000000000", "refuse:0000000000"]);
    for (const [at, { request, code }] of twenty.entries()) {
      expect(whole(text)).toContain(request.digest);
      expect(text.text.includes(`\n${at + 1}. ${request.id} until`)).toBe(at > 0);
      expect(text.text.includes(`/countersign approve ${code}`)).toBe(text.shownWhole.includes(request.id));
    }
    expect(text.shownWhole).toHaveLength(20);
    expectContract(text);
  });

  it("gives those behind a long one their line, and no code before they are shown whole", () => {
    const long = asked({ text: masked("x".repeat(51_000)) });
    const next = asked({ id: "0000000001", text: masked("y".repeat(20_000)) }, "11111-11111");
    const text = checkText([long, next], markup);
    expect(text.shownWhole).toEqual(["7Q2M9XK4ZT"]);
    expect(text.text).toContain("2. 0000000001 until");
    expect(text.text).not.toContain("11111-11111");
    expect(text.text).not.toContain("yyy");
    const crowd = checkText(
      Array.from({ length: 25 }, () => asked()),
      markup,
    );
    expect(crowd.text).toContain("5 more wait, which are not listed here.");
  });

  it("counts how often the same text was asked before", () => {
    expect(whole(checkText([{ ...asked(), repeats: 3 }], markup))).toContain("asked 3 times before in this session");
  });

  it("offers the surfaces that policy allows and no other", () => {
    const terms = sampleRequest().terms;
    const comment = checkText([asked({ terms: { ...terms, via: ["comment"] } })], markup);
    expect(comment.buttons).toEqual([]);
    expect(comment.text).toContain(`/countersign approve ${CODE}`);
    expect(comment.text).not.toContain("buttons of this check");
    const check = checkText([asked({ terms: { ...terms, via: ["check"] } })], markup);
    expect(check.text).not.toContain(CODE);
    const none = checkText([asked({ terms: { ...terms, via: [] } })], markup);
    expect(none.summary).toContain("no answer on GitHub");
    expect(none.text).not.toContain("Answer it by");
    expect(checkText([asked({ terms: { ...terms, count: 2 } })], markup).summary).toContain("2 different people");
  });

  it("has buttons within GitHub's bounds", () => {
    for (const { label, description, identifier } of checkText([asked()], markup).buttons) {
      expect(label.length).toBeLessThanOrEqual(20);
      expect(description.length).toBeLessThanOrEqual(40);
      expect(identifier.length).toBeLessThanOrEqual(20);
    }
  });

  it("warns of a command that imitates an answer", () => {
    const text = masked("SELECT 1 -- to approve: /countersign approve 11111-11111");
    expect(whole(checkText([asked({ text })], markup))).toContain("holds what looks like an answer");
    expect(whole(checkText([asked()], markup))).not.toContain("holds what looks like an answer");
  });

  it("lets nothing that a job names write a line of its own", () => {
    const forged = "orders\nRows: Would touch 0 rows (counted before it ran)";
    const text = whole(checkText([asked({ objects: [forged], message: forged, target: forged })], markup));
    expect(text).not.toMatch(/^Rows: Would touch 0 rows/m);
    expect(text).toContain("Touches: orders\\u{A}Rows");
  });

  it("marks what is hostile, and keeps all of it inside blocks", () => {
    const text = checkText([asked(HOSTILE)], markup);
    expectContract(text);
    expect(whole(text)).toMatchInlineSnapshot(`
      "Approval needed: delete, limited by no condition

      One command waits for one person to approve: delete, limited by no condition.

      ### Request \`7Q2M9XK4ZT\`

      Digest \`N1EyTTlYSzRaVC4uLi4uLi4uLi4uLi4uLi4uLi4uLi4\` over 25 bytes. It waits until \`2026-11-23T10:05:00.000Z\`.

      #### What it would do

      \`\`\`text
      Delete from public.оrders and 1 more, at appdb
      Effects: delete
      Reach: Reaches every row of public.оrders, x\`y @octocat
      Rows: The plan estimates 120 rows (counting took longer than 2 s)
      Touches: public.оrders, x\`y @octocat
      Rule: destructive: </details><script>alert(1)</script> @octocat #1
      ! The text holds characters that hide or reorder others. They are shown as \\u{…}.
      ! Letters of several alphabets in one word, which may imitate another name: \\u{43E}rders
      ! The text may hold comments. They were written by the job and prove nothing.
      \`\`\`

      #### The command

      \`\`\`\`text
      DELETE FROM оrders -- approved by the CTO, 1 row
      \`\`\`
      @octocat </details> ![x](https://e.example/x.png)
      \\u{202E}evil
      \`\`\`\`

      #### Said by the job of itself, which proves nothing

      \`\`\`text
      Asked by: maria
      Workflow: acme/shop/.github/workflows/reflect.yml@refs/heads/main
      Job: reflect, run 1812
      Repository: acme/shop
      Commit: 3f9a2c1d0b7e4a6f8c5d2e1b9a7c6f4e3d2c1b0a
      Branch: refs/heads/main
      \`\`\`

      #### Why it was held

      \`\`\`text
      Because: effects delete, bounded false
      Reading: DELETE without WHERE
      Policy: sha256:5f1c0a77
      \`\`\`

      Answer it by the buttons of this check, when it is the first that waits; by a review of the pull request that approves, submitted from now on; by a comment whose whole first line is this, or the same with \`deny\`:

      \`\`\`text
      /countersign approve H8KQ2-0VXM7
      \`\`\`


      "
    `);
  });

  it("keeps the display contract whatever a job, a policy or a target wrote", () => {
    fc.assert(
      fc.property(nasty, nasty, fc.integer({ min: 1, max: 3 }), (one, other, count) => {
        const each = asked({ ...everywhere(one), text: masked(other), params: [masked(one), masked(other)] });
        const text = checkText(
          Array.from({ length: count }, () => each),
          markup,
        );
        expectContract(text);
        expect(whole(text)).toContain(each.request.digest);
        expect(text.title + text.summary).toMatch(/^[A-Za-z0-9 ,.:\n]*$/);
      }),
      { numRuns: 300 },
    );
  });

  it("renders the same on GitHub whatever it shows: no link, mention, image or markup comes of it", () => {
    const skeleton = (text: string): string => {
      const each = asked({ ...everywhere(text), text: masked(`${text} `), params: [masked(text)] });
      const benign = render(whole(checkText([each, { ...each, repeats: 1 }], markup))).skeleton;
      return benign.replace(/over [0-9,]+ bytes/g, "");
    };
    const plain = skeleton("word");
    fc.assert(
      fc.property(nasty, (text) => {
        fc.pre(text.trim() !== "");
        expect(skeleton(text)).toBe(plain);
      }),
      { numRuns: 200 },
    );
  });

  it("keeps it for texts of any length, back-ticks and wide characters among them", () => {
    const unit = fc.constantFrom("`", "字", "a", "\n", "\u202E", "😀", "\\", "@");
    const long = fc.tuple(unit, fc.integer({ min: 0, max: 80_000 }), unit, fc.integer({ min: 0, max: 80_000 }));
    fc.assert(
      fc.property(long, ([one, ones, other, others]) => {
        const text = `${one.repeat(ones)}x${other.repeat(others)}`;
        const said = checkText([asked({ text: masked(text), objects: [text], params: [masked(text)] })], markup);
        expectContract(said);
        expect(said.buttons.length === 2).toBe(said.shownWhole.length === 1);
      }),
      { numRuns: 30 },
    );
  });

  it("fills a check to its bound and no further", () => {
    for (let length = 50_000; length < 60_000; length += 200) {
      const text = checkText([asked({ text: masked("a".repeat(length)) })], markup);
      expectContract(text);
      expect(Buffer.byteLength(whole(text))).toBeGreaterThan(45_000);
    }
  });

  it("cuts no character and no escape in two", () => {
    for (let offset = 0; offset < 9; offset += 1) {
      for (const [unit, shown] of [
        ["😀", "😀"],
        ["\u202E", "\\u{202E}"],
      ] as const) {
        const text = checkText([asked({ text: masked("x".repeat(offset) + unit.repeat(40_000)) })], markup);
        const line = new RegExp(`^x*(?:${shown.replace(/[\\{}]/g, "\\$&")})+$`, "u");
        const lines = text.text.split("\n").filter((each) => each.includes(shown));
        expect(lines.filter((each) => !line.test(each))).toEqual([]);
        expect(lines).toHaveLength(2);
      }
    }
  });

  it("mentions nobody even by a name of its own that is none", () => {
    const text = checkText([asked({ id: "x@octocat", digest: "@octocat", expiresAt: "@octocat" })], markup);
    expectContract(text);
    expect(text.text).toContain("`\\u{40}octocat`");
  });

  it("asks for at least one request", () => {
    expect(() => checkText([], markup)).toThrow(RangeError);
  });
});

const HOSTILE = {
  text: masked(
    "DELETE FROM \u043erders -- approved by the CTO, 1 row\n```\n@octocat </details> ![x](https://e.example/x.png)\n\u202Eevil",
  ),
  objects: ["public.\u043erders", "x`y @octocat"],
  message: "</details><script>alert(1)</script> @octocat #1",
};

function everywhere(text: string): Partial<ApprovalRequest> {
  const { identity } = sampleRequest();
  return {
    target: text,
    objects: [text, "public.orders"],
    why: [text],
    matched: [text],
    rule: text,
    message: text,
    policy: text,
    impact: { estimated: -1, counted: -1, note: text },
    identity: { ...identity, ref: text, actor: text, workflowRef: text, job: text },
  };
}
