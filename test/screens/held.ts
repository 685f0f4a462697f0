/**
 * Makes the pictures of a held DELETE in docs/images, from a real one: a shop in a real server, a job behind the built
 * gateway, the page that people answer on. `node test/screens/held.ts [folder]`; needs chromium on the machine.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { openShop } from "../../examples/demo/shop.ts";
import { startGateway } from "../live/gateway.ts";
import { openBrowser, type Page } from "./browser.ts";

const folder = process.argv[2] ?? join(import.meta.dirname, "../../docs/images");
mkdirSync(folder, { recursive: true });

const shop = await openShop();
const gateway = await startGateway({
  policy: join(import.meta.dirname, "../../examples/demo/countersign.yml"),
  target: shop.url.replace("@", `:${encodeURIComponent(shop.password)}@`),
});
const job = new pg.Client({ connectionString: gateway.url, application_name: "nightly-cleanup" });
const browser = await openBrowser();
try {
  await job.connect();
  const deleted = job.query("DELETE FROM carts");
  const link = await printedLink();

  await save("held-delete-phone", await open(link, { width: 390, height: 1040, scale: 1.5, dark: true }));
  const page = await open(link, { width: 1180, height: 800 });
  await save("held-delete", page);

  // Approved with the keys that a person would press.
  for (const key of ["j", "a", "The carts are older than the new checkout.", "Enter"]) {
    // oxlint-disable-next-line no-await-in-loop -- one key after the other
    await page.press(key);
    // oxlint-disable-next-line no-await-in-loop -- the page takes no answer in the first moment: it could be half a double click
    await new Promise((resolve) => setTimeout(resolve, 600));
  }
  await page.until(`document.querySelectorAll(".card").length === 0`);
  const { rowCount } = await deleted;
  const after = await browser.open(link, { width: 1180, height: 480 });
  await after.until(`document.body.innerText.includes("Approved")`);
  await save("held-delete-answered", after);
  process.stdout.write(`the job deleted ${rowCount} carts, and ${await shop.cartsLeft()} are left\n`);
} finally {
  await job.end();
  await browser.close();
  process.stdout.write(`the gateway ended with ${await gateway.stop()}\n`);
  await gateway.discard();
  await shop.close();
}

async function open(link: string, view: Parameters<typeof browser.open>[1]): Promise<Page> {
  const page = await browser.open(link, view);
  await page.until(`document.querySelectorAll(".card").length === 1 && document.title.startsWith("(1)")`);
  return page;
}

async function printedLink(): Promise<string> {
  for (;;) {
    const link = /held: request .* Answer at (http:\S+)/.exec(gateway.log())?.[1];
    if (link !== undefined) return link;
    // oxlint-disable-next-line no-await-in-loop -- it waits on purpose
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function save(name: string, page: Page): Promise<void> {
  const picture = await page.picture();
  writeFileSync(join(folder, `${name}.png`), picture);
  process.stdout.write(`${name}.png, ${Math.ceil(picture.length / 1024)} KiB\n`);
}
