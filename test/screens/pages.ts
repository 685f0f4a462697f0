/**
 * Makes the pictures of the evidence's pages in docs/images: `node test/screens/pages.ts [folder]`. The Markdown is
 * rendered by an independent implementation of GitHub's dialect, with a style sheet of our own that looks like GitHub's,
 * and its diagrams by mermaid. Needs chromium on the machine; mermaid, which is large, is fetched into a temporary folder.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sealSession } from "../../src/evidence/layout.ts";
import { htmlOf } from "../evidence/github.ts";
import { HOSTILE, hostileSession } from "../evidence/hostile.ts";
import { memoryLedger } from "../evidence/memory-ledger.ts";
import { makeSession, party } from "../evidence/sealed.ts";
import { openBrowser } from "./browser.ts";
import { GITHUB_CSS } from "./github.css.ts";

/** Pinned: another version draws otherwise. 200 MB with what it needs, so it is not among the project's packages. */
const MERMAID = "mermaid@12.3.0";

const ROOT = join(import.meta.dirname, "../..");
const BRANCH = "countersign/evidence";

const folder = process.argv[2] ?? join(import.meta.dirname, "../../docs/images");
mkdirSync(folder, { recursive: true });
const temporary = mkdtempSync(join(tmpdir(), "countersign-screens-"));
execFileSync("npm", ["install", "--prefix", temporary, "--ignore-scripts", "--no-audit", "--no-fund", MERMAID], {
  stdio: "ignore",
});
const mermaid = readFileSync(join(temporary, "node_modules/mermaid/dist/mermaid.min.js"));

const SIDS = ["01KANAV0Q8M3T4ZS5R6X7Y8Z9A", "01KANAV0Q8M3T4ZS5R6X7Y8Z9B", "01KANAV0Q8M3T4ZS5R6X7Y8Z9C"] as const;
const by = party();
const months = await evidence();
const hostile = new Map<string, Uint8Array>();
await sealSession(hostileSession(...HOSTILE), memoryLedger(hostile), by.signer);
const { shop, path: session } = demo();

const server = createServer(({ url = "" }, response) => {
  if (url === "/mermaid.js") response.end(mermaid);
  else {
    const [, which, path = ""] = /^\/(shop|months|hostile)\/(.*)$/.exec(url) ?? [];
    const bytes = (which === "hostile" ? hostile : which === "shop" ? shop : months).get(path);
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(bytes === undefined ? "" : html(Buffer.from(bytes).toString()));
  }
});
await new Promise<void>((done) => {
  server.listen(0, "127.0.0.1", done);
});
const address = server.address();
const port = typeof address === "object" && address !== null ? address.port : 0;

const browser = await openBrowser();
try {
  await look("page-session", `shop/${session}`, { width: 1012, height: 1130 });
  await look("page-commands", `shop/${session}`, { width: 1012, height: 1500, from: "Commands" });
  await look("page-erased", `shop/${session}`, { width: 1012, height: 620, from: "Erased" });
  await look("page-session-phone", `shop/${session}`, { width: 390, height: 1500 });
  await look("page-month", "months/sessions/2026/11/README.md", { width: 1012, height: 340 });
  await look("page-front", "months/README.md", { width: 1012, height: 930 });
  const path = `hostile/sessions/2026/11/23/${SIDS[0]}/README.md`;
  await look("page-hostile", path, { width: 1012, height: 1130 });
  await look("page-hostile-phone", path, { width: 390, height: 1400, from: "Details" });
} finally {
  await browser.close();
  server.close();
  rmSync(temporary, { recursive: true, force: true });
}

async function look(
  name: string,
  path: string,
  view: {
    readonly width: number;
    readonly height: number;
    /** The heading that the picture begins with. */
    readonly from?: string;
  },
): Promise<void> {
  const page = await browser.open(`http://127.0.0.1:${port}/${path}`, view);
  await page.until(`document.title === "drawn"`);
  if (view.from !== undefined) {
    const heading = `[...document.querySelectorAll("h2")].find((each) => each.textContent === "${view.from}")`;
    const told = await page.value(`(${heading}).scrollIntoView(), scrollY > 0`);
    if (told !== true) throw new Error(`${name} has no heading ${view.from}`);
  }
  const alien = await page.value(`document.querySelectorAll("script:not([data-ours]), iframe, img").length`);
  if (alien !== 0) throw new Error(`${name} has elements that are not ours`);
  const picture = await page.picture();
  writeFileSync(join(folder, `${name}.png`), picture);
  process.stdout.write(`${name}.png, ${Math.ceil(picture.length / 1024)} KiB\n`);
}

/** A month with sessions that ended well, and one that was cut off. */
async function evidence(): Promise<Map<string, Uint8Array>> {
  const kept = new Map<string, Uint8Array>();
  const ledger = memoryLedger(kept);
  const endless = (type: string, body: object) => (type === "session.ended" ? undefined : body);
  for (const [at, sid] of SIDS.entries()) {
    const made = makeSession(by, at === 1 ? { sid, event: endless, actor: "bob" } : { sid });
    // oxlint-disable-next-line no-await-in-loop -- a log has one writer at a time
    await sealSession(made, ledger, by.signer);
  }
  return kept;
}

/** The demo's session, real from the database to the branch, after one of its values was erased. */
function demo(): { readonly shop: ReadonlyMap<string, Uint8Array>; readonly path: string } {
  const node = process.execPath;
  const output = execFileSync(node, ["examples/demo/demo.ts", "--yes", "--keep"], { cwd: ROOT, encoding: "utf8" });
  const repository = /\S+countersign-demo-\w+/.exec(output)?.[0] ?? "";
  try {
    const git = (...args: string[]): Buffer => execFileSync("git", ["-C", repository, ...args]);
    const path = /sessions\/\d+\/\d+\/\d+\/(\w{26})\/README\.md/.exec(git("ls-tree", "-r", BRANCH).toString());
    const args = ["--command", "2/2", "--reason", "A customer asked for it, ticket 412.", "--by", "ines"];
    const program = join(ROOT, "src/cli/main.ts");
    execFileSync(node, [program, "erase", path?.[1] ?? "", ...args, "--yes", "--state", join(temporary, "state")], {
      cwd: repository,
    });
    const page = path?.[0] ?? "";
    return { shop: new Map([[page, git("show", `${BRANCH}:${page}`)]]), path: page };
  } finally {
    rmSync(repository, { recursive: true, force: true });
  }
}

function html(markdown: string): string {
  // The tab's icon would be one more request; the script draws what GitHub draws in a frame of its own.
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><style>${GITHUB_CSS}</style><body><article class="markdown-body">${htmlOf(markdown)}</article>
<script data-ours src="/mermaid.js"></script><script data-ours>
mermaid.initialize({ startOnLoad: false, securityLevel: "strict" });
const blocks = [...document.querySelectorAll("code.language-mermaid")];
for (const code of blocks) { const place = document.createElement("div"); place.className = "mermaid"; place.textContent = code.textContent; code.parentElement.replaceWith(place); }
mermaid.run({ querySelector: ".mermaid" }).then(() => { document.title = "drawn"; }, (error) => { document.title = "failed: " + error; });
</script></body></html>`;
}
