/** Pictures of the App's first run: `node test/screens/set-up.ts FOLDER`. Needs chromium on the machine. */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openListener } from "../../app/http/listener.ts";
import { readBlueprint } from "../../app/set-up/manifest.ts";
import { donePage } from "../../app/set-up/page.ts";
import { openSetUp } from "../../app/set-up/set-up.ts";
import { openBrowser } from "./browser.ts";

const folder = process.argv[2] ?? join(import.meta.dirname, "../../docs/images");
mkdirSync(folder, { recursive: true });
const settingsPath = "/var/lib/countersign/app.env";
const listener = await openListener("127.0.0.1", 0);
const setUp = openSetUp({
  blueprint: readBlueprint(readFileSync("app.yml", "utf8")),
  github: { api: listener.origin, web: "https://github.com" },
  url: "",
  webhookProxy: undefined,
  settingsPath,
  random: randomBytes,
  clock: Date.now,
  log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  keep: () => undefined,
});
listener.answerBy((request, response) => {
  if (request.url === "/done") {
    const install = "https://github.com/apps/countersign-of-acme/installations/new";
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
    response.end(donePage({ name: "Countersign of Acme", install, settingsPath }));
  } else setUp.handle(request, response);
});
const browser = await openBrowser();
try {
  const link = `${listener.origin}${setUp.path}`;
  for (const [name, view] of [
    ["set-up", { width: 1000, height: 1120 }],
    ["set-up-dark", { width: 1000, height: 1120, dark: true }],
    ["set-up-phone", { width: 320, height: 1300, scale: 1.5 }],
  ] as const) {
    const page = await browser.open(link, view);
    await page.until(`document.querySelector("#name") !== null`);
    writeFileSync(join(folder, `${name}.png`), await page.picture());
  }
  // By the keyboard alone: the name has the focus, Tab goes on, Enter sends.
  const page = await browser.open(link, { width: 1000, height: 700 });
  await page.until(`document.activeElement?.id === "name"`);
  await page.value(`document.querySelector("#organization").value = "acme"`);
  await page.press("Enter");
  await page.until(`document.querySelectorAll(".wrong").length === 0 && document.body.innerText.includes("Send this")`);
  writeFileSync(join(folder, "set-up-confirm.png"), await page.picture());
  const wrong = await browser.open(link, { width: 320, height: 900, scale: 1.5, dark: true });
  await wrong.until(`document.activeElement?.id === "name"`);
  await wrong.value(`document.querySelector("#url").value = "http://app.example.com/x"`);
  await wrong.press("Enter");
  await wrong.until(`document.querySelectorAll(".wrong").length === 1`);
  writeFileSync(join(folder, "set-up-wrong-phone.png"), await wrong.picture());
  const done = await browser.open(`${listener.origin}/done`, { width: 1000, height: 560 });
  await done.until(`document.querySelector("a.button") !== null`);
  writeFileSync(join(folder, "set-up-done.png"), await done.picture());
} finally {
  await browser.close();
  await listener.stop(0);
}
