/** Makes the pictures of the page in docs/images: `node test/screens/desk.ts [folder]`. Needs chromium on the machine. */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ApprovalRequest } from "../../src/approval/ports.ts";
import { openDeskClient } from "../../src/gateway/desk/client.ts";
import { startCountersigner } from "../../src/gateway/desk/server.ts";
import { noteSigner } from "../../src/tlog/note.ts";
import { masked, SID, sampleRequest } from "../gateway/desk/sample.ts";
import { openBrowser, type View } from "./browser.ts";

const folder = process.argv[2] ?? join(import.meta.dirname, "../../docs/images");
const state = mkdtempSync(join(tmpdir(), "countersign-screens-"));
mkdirSync(folder, { recursive: true });

const { privateKey } = generateKeyPairSync("ed25519");
const desk = await startCountersigner({
  key: privateKey,
  stateDir: state,
  socketPath: join(state, "desk.sock"),
  page: { port: 0 },
  person: "ines",
  clock: Date.now,
  random: randomBytes,
  log: (line) => process.stderr.write(`${line}\n`),
});
const client = await openDeskClient({ socketPath: join(state, "desk.sock"), secret: desk.secret });
try {
  const origin = `github.com/acme/shop/countersign/s/${SID}`;
  const session = noteSigner(origin, generateKeyPairSync("ed25519").privateKey);
  await client.register({ sid: SID, origin, vkey: session.verifier.vkey });

  for (const request of samples()) {
    await client.submit(request);
  }
  save("desk-light", await look({ width: 1180, height: 1400 }));
  save("desk-dark", await look({ width: 1180, height: 1400, dark: true }));
  save("desk-phone", await look({ width: 320, height: 1400, scale: 1.5 }));

  // Denied on the page, with the keys that a person would press.
  const [, second, third] = samples();
  const keys = ["j", "d", "Run it with WHERE created_at < '2024-01-01'.", "Enter"];
  await look({ width: 1180, height: 900, left: 2, keys });
  await client.answer({
    id: second?.id ?? "",
    digest: second?.digest ?? "",
    answer: "approve",
    reason: "Agreed in the change ticket.",
  });
  await client.withdraw(third?.id ?? "");
  await client.submit(sampleRequest({ id: "M2Y8KQ5R3D", impact: { estimated: 120, counted: 118, note: "" } }));
  save("desk-answered", await look({ width: 1180, height: 1250, cards: 1 }));
} finally {
  client.close();
  await desk.close();
  rmSync(state, { recursive: true, force: true });
}

function samples(): readonly ApprovalRequest[] {
  const now = Date.now();
  const inOneMinute = {
    requestedAt: new Date(now - 9_000).toISOString(),
    expiresAt: new Date(now + 47_000).toISOString(),
  };
  return [
    sampleRequest(),
    sampleRequest({
      id: "9D4VWC1H6F",
      text: masked(
        "UPDATE customers\n   SET email = $1,\n       note  = 'moved by reflection job'\n WHERE id = ANY($2)\n   AND region = 'eu' -- approved by the CTO",
      ),
      params: [masked("m•••@e•••.com"), masked("{1204,1377,2210}")],
      maskedSpans: 1,
      bytes: 214,
      effects: ["write"],
      objects: ["public.customers"],
      bounded: true,
      why: ["UPDATE with a condition"],
      inTransaction: true,
      impact: { estimated: 3, counted: 3, note: "" },
      rule: "personal-data",
      message: "Changing customers needs an answer.",
      matched: ["effects write", "objects public.customers"],
      ...inOneMinute,
    }),
    sampleRequest({
      id: "3KT0PB8N5J",
      text: masked("DO $$ BEGIN EXECUTE format('ALTER TABLE %I DROP COLUMN \\u{202E}%I', t, c); END $$"),
      bytes: 91,
      effects: ["execute", "schema", "unknown"],
      objects: [],
      why: ["text built at run time: cannot be previewed"],
      impact: { estimated: -1, counted: -1, note: "DO cannot be planned" },
      rule: "unreadable",
      message: "What cannot be read is answered by a person.",
      matched: ["effects unknown"],
    }),
  ];
}

interface Look extends View {
  /** How many requests must be on the page before anything is done, and after the keys were pressed. */
  readonly cards?: number;
  readonly left?: number;
  readonly keys?: readonly string[];
}

async function look(view: Look): Promise<Buffer> {
  const { cards = 3, left = cards, keys = [] } = view;
  const browser = await openBrowser();
  try {
    const page = await browser.open(desk.pageUrl, view);
    await page.until(
      `document.querySelectorAll(".card").length === ${cards} && document.title.startsWith("(${cards})")`,
    );
    for (const key of keys) {
      await page.press(key);
      // The page takes no answer in the first moment, which could be half of a double click.
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    await page.until(`document.querySelectorAll(".card").length === ${left}`);
    return await page.picture();
  } finally {
    await browser.close();
  }
}

function save(name: string, picture: Buffer): void {
  writeFileSync(join(folder, `${name}.png`), picture);
  process.stdout.write(`${name}.png, ${Math.ceil(picture.length / 1024)} KiB\n`);
}
