import { describe, expect, it } from "vitest";
import { sealSession } from "../../src/evidence/layout.ts";
import { indexWith, monthPage } from "../../src/evidence/pages.ts";
import { sessionPage } from "../../src/evidence/session-page.ts";
import { transcript } from "../../src/evidence/transcript.ts";
import { verifyLedger } from "../../src/evidence/verify.ts";
import { disclosureLine, redact, SaltPool } from "../../src/journal/disclosure.ts";
import { canonical } from "../../src/journal/jcs.ts";
import { memoryLedger, memoryReader } from "./memory-ledger.ts";
import { makeSession, party } from "./sealed.ts";

const SID = "01KANAV0Q8M3T4ZS5R6X7Y8Z9A";

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
      "| Targets | `appdb` (`postgres`) |",
      "| Commands | 3, of them 1 held, 1 denied; 1 approved by people; 4 spans masked |",
      "| 1/1 | read | `public.users` | allow `rest` | – | completed | 1 | 1.5 |",
      "| 1/2 | schema | `public.users` | deny `no-drops` | – | **refused** `denied` | – | – |",
      "hold `destructive` | approved by `carol` (`check`) | completed | 1 |",
      "| [`7Q2M4N8X3K`](approvals/7Q2M4N8X3K.dsse.json) | 1/3 | `destructive` | 2, counted | team `dba` | approved by `carol` (`check`) | 2026-11-23 05:30:01 |",
      "### 1/3: delete, held, approved, completed, 1 row",
      "<details><summary>1/1: read, allowed, completed, 1 row</summary>",
      "J->>T1: 05:00:00 1/1 read",
      "P-->>G: approved",
      "| Entry in the log | 4 |",
      "DELETE FROM users",
      "ticket 7",
      "countersign verify sessions/2026/11/23/01KANAV0Q8M3T4ZS5R6X7Y8Z9A",
    ]) {
      expect(page).toContain(each);
    }
  });

  it("tells that the App released a credential, in its table, its timeline and the terminal", () => {
    const { events, disclosures } = makeSession(party(), { issued: [{ target: "appdb" }] });
    const page = sessionPage(events, disclosures, ALONE);
    expect(page).toContain("| Credentials | released by the App for `appdb` |");
    expect(page).toContain("  Note over G,T1: 05:00:00 credential from the App, target appdb\n  J->>T1:");
    const told = transcript(events, disclosures, { erasures: [], charsMax: 100 }).flatMap(({ lines }) => lines);
    expect(told.map(({ text }) => text)).toContain(
      "05:00:00.200  the App released its credential of appdb to the session",
    );
  });

  it("draws what the gateway asked about a held command before it asked people, which is when it asked", () => {
    const { events, disclosures } = makeSession(party());
    const lines = Buffer.from(events)
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; conn: number; body: { cmd?: string } });
    const ofOne = lines.filter(({ body }) => body.cmd === "1/1");
    const opened = lines.filter(({ type }) => type === "connection.opened");
    const own = [
      ...opened.map((each) => ({ ...each, conn: 2, body: { ...each.body, purpose: "preview" } })),
      ...ofOne.map((each) => ({ ...each, conn: 2, body: { ...each.body, cmd: "2/1" } })),
    ].filter(({ type }) => type !== "masked");
    const at = lines.findIndex(({ type }) => type === "approval.requested");
    const told = [...lines.slice(0, at), ...own, ...lines.slice(at)].map((each, seq) => canonical({ ...each, seq }));
    const page = sessionPage(Buffer.from(`${told.join("\n")}\n`), disclosures, ALONE);
    const [, diagram = ""] = /```mermaid\n([\s\S]*?)```/.exec(page) ?? [];
    expect(diagram.split("\n").flatMap((line) => /^ {2}(\w+-.*|Note.*)$/.exec(line)?.[1] ?? [])).toEqual([
      "J->>T1: 05:00:00 1/1 read",
      "J->>G: 05:00:00 1/2 schema, denied",
      "G--xJ: 1/2 refused",
      expect.stringMatching(/^J->>G: 05:00:0\d 1\/3 delete, held$/),
      "G->>T1: 05:00:00 2/1 own",
      "G->>P: asks people",
      "P-->>G: approved",
      "G->>T1: 1/3 released",
      "T1-->>J: completed, 1 row",
    ]);
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
    const one = indexWith(indexWith("", [row(a, "alice")]), [row(b, '"a, b"')]);
    const two = indexWith(indexWith("", [row(b, '"a, b"'), row(a, "alice")]), [row(a, "alice")]);
    expect(two).toBe(one);
    expect(one.split("\n")).toHaveLength(4);
    const page = monthPage("2026-11", one);
    expect(page).toContain(
      `| 23&nbsp;05:00 | [${b}](23/${b}/README.md) | completed | \`a, b\` | 3: 1 held, 1 denied, 1 approved |`,
    );
    expect(page.indexOf(b)).toBeLessThan(page.indexOf(a));
  });
});

describe("the page of a session with thousands of commands", () => {
  const line = (seq: number, type: string, body: object): string =>
    canonical({ at: "2026-11-23T05:00:00.000Z", body, conn: 1, seq, sid: SID, type, v: 1 });
  const salts = new SaltPool((bytes) => bytes.fill(7));
  const events: string[] = [];
  const disclosures: string[] = [];
  const put = (type: string, body: object): number => events.push(line(events.length, type, body)) - 1;
  for (let n = 1; n <= 3000; n += 1) {
    const cmd = `1/${n}`;
    // Unseen characters are written out at nine times their size, which is the worst that a text can do to a page.
    const values = Array.from({ length: 20 }, (_, at) => redact(`${n} ${at} ${"\u{e0041}".repeat(3000)}`, salts));
    const [text, response, ...params] = values;
    const seq = put("command.seen", {
      bounded: true,
      bytes: 80,
      cmd,
      digest: "",
      effects: ["delete"],
      objects: Array.from({ length: 64 }, () => "o"),
      params: params.map(({ redacted }) => redacted),
      target: "appdb",
      text: [text?.redacted],
      textOf: -1,
      tx: false,
      why: Array.from({ length: 64 }, () => "w".repeat(200)),
    });
    put("command.decided", {
      cmd,
      decision: n % 2 === 0 ? "hold" : "allow",
      matched: [],
      message: "m".repeat(200),
      rule: "r",
    });
    put("command.settled", { cause: "", cmd, ruling: "release" });
    put("command.returned", {
      bytes: 9,
      cmd,
      code: "",
      copied: { bytes: 0, digest: "" },
      digest: "",
      execution: 1,
      masked: 0,
      outcome: "completed",
      response: [response?.redacted],
      rows: 1,
      tookUs: 5,
      truncated: false,
    });
    for (const each of values) if (n <= 200) disclosures.push(disclosureLine(each, `/${seq}/body/text/0`));
  }
  const page = sessionPage(Buffer.from(`${events.join("\n")}\n`), Buffer.from(`${disclosures.join("\n")}\n`), ALONE);

  it("stays under a megabyte, with a timeline of at most forty steps", () => {
    expect(Buffer.byteLength(page)).toBeLessThan(1_000_000);
    expect(Buffer.byteLength(page)).toBeGreaterThan(300_000);
    const [, diagram = ""] = /```mermaid\n([\s\S]*?)```/.exec(page) ?? [];
    expect(diagram.match(/->>|-->>|--x|Note/g)?.length).toBeLessThanOrEqual(40);
  });

  it("says what it leaves out, and where that stands", () => {
    expect(page).toContain(
      "**There is no room here for 2900 more commands**: `events.jsonl` has all, seen in its lines 201 to 11997.",
    );
    expect(page).toMatch(/The timeline leaves out 29\d\d commands; all are in `events\.jsonl`\./);
    expect(page).toMatch(
      /The details of \d+ commands above are left out, for there is no room: they begin in line \d+, /,
    );
    expect(page).toMatch(/2 more parameters in line \d+ of `events\.jsonl`\./);
    expect(page).toContain("more characters)");
  });
});
