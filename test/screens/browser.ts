/** A headless Chromium of one's own, driven over its debugging port: opens a page, presses keys, takes a picture. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface View {
  readonly width: number;
  readonly height: number;
  readonly scale?: number;
  readonly dark?: boolean;
}

export interface Page {
  /** Waits until the expression is true in the page; at most 10 s. */
  until(expression: string): Promise<void>;
  /** The value of an expression in the page. */
  value(expression: string): Promise<unknown>;
  /** Types text, or presses `Enter` or `Escape`. */
  press(key: string): Promise<void>;
  picture(): Promise<Buffer>;
}

export interface Browser {
  open(url: string, view: View): Promise<Page>;
  close(): Promise<void>;
}

const WAIT_MS_MAX = 10_000;

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--hide-scrollbars",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-port=0",
];

/** Starts the browser with a fresh profile. Rejects when there is no chromium. */
export async function openBrowser(): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), "countersign-chromium-"));
  const child = spawn("chromium", [...FLAGS, `--user-data-dir=${profile}`, "about:blank"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const port = await debuggingPort(child.stderr);
  const targets: unknown = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
  const socket = await connect(firstPage(targets));
  let last = 0;
  const waiting = new Map<number, (result: Readonly<Record<string, unknown>>) => void>();
  socket.addEventListener("message", ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id?: number; result?: Readonly<Record<string, unknown>> };
    waiting.get(id ?? 0)?.(result ?? {});
    waiting.delete(id ?? 0);
  });
  const send = async (method: string, params: object): Promise<Readonly<Record<string, unknown>>> =>
    await new Promise((resolve) => {
      last += 1;
      waiting.set(last, resolve);
      socket.send(JSON.stringify({ id: last, method, params }));
    });

  const page: Page = {
    async until(expression) {
      for (const end = Date.now() + WAIT_MS_MAX; Date.now() < end; ) {
        if ((await page.value(expression)) === true) {
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`this did not become true in the page: ${expression}`);
    },
    async value(expression) {
      const { result } = await send("Runtime.evaluate", { expression, returnByValue: true });
      return (result as { value?: unknown } | undefined)?.value;
    },
    async press(key) {
      const named = { Enter: 13, Escape: 27 }[key];
      const text = key === "Enter" ? "\r" : key;
      for (const each of named === undefined ? key.split("") : [key]) {
        await send("Input.dispatchKeyEvent", {
          type: "keyDown",
          key: each,
          ...(key === "Escape" ? {} : { text: named === undefined ? each : text }),
          ...(named === undefined ? {} : { windowsVirtualKeyCode: named, code: key }),
        });
        await send("Input.dispatchKeyEvent", { type: "keyUp", key: each });
      }
    },
    async picture() {
      // One frame for what was just put in.
      await new Promise((resolve) => setTimeout(resolve, 1200));
      const { data } = await send("Page.captureScreenshot", { format: "png" });
      return Buffer.from(String(data), "base64");
    },
  };

  return {
    async open(url, { width, height, scale = 1, dark = false }) {
      await send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: scale, mobile: false });
      const features = [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }];
      await send("Emulation.setEmulatedMedia", { features });
      await send("Page.enable", {});
      await send("Page.navigate", { url });
      return page;
    },
    async close() {
      socket.close();
      child.kill();
      await gone;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function debuggingPort(output: NodeJS.ReadableStream): Promise<string> {
  const lines = createInterface({ input: output });
  for await (const line of lines) {
    const [, port] = /^DevTools listening on ws:\/\/[^:]+:(\d+)\//.exec(line) ?? [];
    if (port !== undefined) {
      output.resume();
      return port;
    }
  }
  throw new Error("chromium ended before it could be driven");
}

function firstPage(targets: unknown): string {
  const pages = targets as readonly { readonly type: string; readonly webSocketDebuggerUrl: string }[];
  const page = pages.find((each) => each.type === "page");
  if (page === undefined) {
    throw new Error("chromium has no page");
  }
  return page.webSocketDebuggerUrl;
}

async function connect(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url);
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve(), { once: true });
    socket.addEventListener("error", () => reject(new Error("chromium does not answer")), { once: true });
  });
  return socket;
}
