import { describe, expect, it } from "vitest";
import { sealSession } from "../../src/evidence/layout.ts";
import { indexWith, monthPage } from "../../src/evidence/pages.ts";
import { sessionPage } from "../../src/evidence/session-page.ts";
import { verifyLedger } from "../../src/evidence/verify.ts";
import { memoryLedger, memoryReader } from "./memory-ledger.ts";
import { makeSession, party } from "./sealed.ts";

const HOSTILE =
  "```\n</details>\n# Heading @octocat\n| a | b |\n![x](https://evil.example/x.png)\n\u202e<script>\0\n````mermaid";

const ALONE = { index: 4, erasures: [] } as const;

describe("a session page", () => {
  it("tells who, where, what was decided, by whom and with what result", () => {
    const { events, disclosures } = makeSession(party());
    const page = sessionPage(events, disclosures, ALONE);
    for (const each of [
      "| Outcome | completed, exit code 0 |",
      "| Who | `alice` |",
      "| Repository | [`acme/shop`](https://github.com/acme/shop) |",
      "| Run | [`123`](https://github.com/acme/shop/actions/runs/123/attempts/1) |",
      `| Commit | [\`${"a".repeat(40)}\`](https://github.com/acme/shop/commit/${"a".repeat(40)}) |`,
      `](https://github.com/acme/shop/blob/${"a".repeat(40)}/.github/workflows/db.yml) |`,
      "| Targets | `appdb (postgres)` |",
      "| Commands | 3, of them 1 held, 1 denied; 1 approved by people; 4 spans masked |",
      "| 1/1 | `appdb` | read | `public.users` | allow `rest` | – | completed | 1 | 1.5 |",
      "| 1/2 | `appdb` | schema | `public.users` | deny `no-drops` | – | **refused** `denied` | – | – |",
      "hold `destructive` | approved by `carol` (`check`) | completed | 1 |",
      "| `7Q2M4N8X3K` | 1/3 | `destructive` | 2 / 2 | `team dba` | approved by `carol` (`check`) |",
      "### 1/3: delete, held, approved, completed, 1 row",
      "<details><summary>1/1: read, allowed, completed, 1 row</summary>",
      "J->>T1: 05:00:00 1/1 read",
      "P-->>G: approved",
      "| Entry in the log | 4 |",
      "DELETE FROM users",
      "[approvals/7Q2M4N8X3K.dsse.json](approvals/7Q2M4N8X3K.dsse.json)",
      "ticket 7",
      "countersign verify sessions/2026/11/23/01KANAV0Q8M3T4ZS5R6X7Y8Z9A",
    ]) {
      expect(page).toContain(each);
    }
  });

  it("lets nothing of a hostile session out of its fences", async () => {
    const by = party();
    const made = makeSession(by, { text: HOSTILE, response: HOSTILE, actor: "a|b`<img src=x>@octocat\u202e" });
    const page = sessionPage(made.events, made.disclosures, ALONE);
    // What is left when fenced blocks and code spans are taken out is ours alone.
    const ours = page
      .replaceAll(/^(`{3,})text\n[\s\S]*?\n\1$/gm, "")
      .replaceAll(/(?<!`)(`+)(?!`)[\s\S]*?(?<!`)\1(?!`)/g, "");
    for (const each of ["@octocat", "evil", "<script", "<img", "Heading", "mermaid"]) expect(ours).not.toContain(each);
    expect(ours.match(/<[^>]*>/g)?.filter((tag) => !/^<\/?(?:details|summary)>$/.test(tag)) ?? []).toEqual([]);
    expect(page).not.toMatch(/[\u202e\0]/);
    const files = new Map<string, Uint8Array>();
    await sealSession(made, memoryLedger(files), by.signer);
    expect((await verifyLedger(memoryReader(files), { pinned: undefined })).verdict).toBe("good");
  });

  it("says of a value that is not there that it was withheld, and of a long one how much is missing", () => {
    const { events, disclosures } = makeSession(party(), { text: "x".repeat(5000) });
    expect(sessionPage(events, disclosures, ALONE)).toContain("… (1000 more characters)");
    const erased = sessionPage(events, new Uint8Array(), ALONE);
    expect(erased).toContain("*withheld, and no erasure says so*");
    expect(erased).not.toContain("xxx");
  });

  it("says that a session without end is incomplete", () => {
    const made = makeSession(party(), { event: (type, body) => (type === "session.ended" ? undefined : body) });
    expect(sessionPage(made.events, made.disclosures, ALONE)).toContain("**incomplete**");
  });
});

describe("a month", () => {
  it("lists sessions once each, in order, whatever order they came in", () => {
    const row = (sid: string, actor: string): string =>
      `${sid},2026-11-23T05:00:00.000Z,completed,acme/shop,${actor},appdb,3,1,1,1\n`;
    const [a, b] = ["01KANAV0Q8M3T4ZS5R6X7Y8Z8A", "01KANAV0Q8M3T4ZS5R6X7Y8Z8B"];
    const one = indexWith(indexWith("", row(a, "alice")), row(b, '"a, b"'));
    const two = indexWith(indexWith(indexWith("", row(b, '"a, b"')), row(a, "alice")), row(a, "alice"));
    expect(two).toBe(one);
    expect(one.split("\n")).toHaveLength(4);
    const page = monthPage("2026-11", one);
    expect(page).toContain(
      `[${b}](23/${b}/README.md) | \`2026-11-23T05:00:00.000Z\` | completed | \`a, b\` | \`appdb\` | 3 | 1 | 1 | 1 |`,
    );
    expect(page.indexOf(b)).toBeLessThan(page.indexOf(a));
  });
});
