import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Answered, ApprovalRequest } from "../../../src/approval/ports.ts";
import { openTerminalDesk, type TerminalDesk } from "../../../src/gateway/desk/terminal.ts";
import { type Running, registered } from "./running.ts";
import { masked, sampleRequest } from "./sample.ts";

let running: Running;
let input: PassThrough;
let written: string;
let terminal: TerminalDesk;
let interrupts: number;

beforeEach(async () => {
  running = await registered();
  open({ terminal: false });
});

afterEach(async () => {
  terminal.close();
  await running.stop();
  running.remove();
});

function open({ terminal: isTerminal }: { readonly terminal: boolean }): void {
  input = new PassThrough();
  const output = new PassThrough();
  written = "";
  interrupts = 0;
  output.on("data", (chunk: Buffer) => {
    written += chunk.toString("utf8");
  });
  terminal = openTerminalDesk({
    desk: running.client,
    streams: { input, output, terminal: isTerminal, colour: isTerminal },
    pageUrl: "http://127.0.0.1:1/x/",
    clock: Date.now,
    onInterrupt: () => {
      interrupts += 1;
    },
  });
}

// As `countersign run` does it: asked at the desk, then shown in the terminal too.
async function hold(request: ApprovalRequest): Promise<{ readonly ended: Promise<Answered> }> {
  const ended = running.client.ask(request, new AbortController().signal);
  // A test that ends before its request does takes the desk away from it.
  ended.catch(() => undefined);
  for (;;) {
    try {
      await running.client.standing(request.id, 0, new AbortController().signal);
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  terminal.show(request);
  return { ended };
}

async function says(text: string): Promise<void> {
  for (const end = Date.now() + 5000; Date.now() < end; ) {
    if (written.includes(text)) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`the terminal never said ${JSON.stringify(text)}, but ${JSON.stringify(written)}`);
}

describe("a held command in the terminal", () => {
  it("is approved with a key and a reason", async () => {
    const { ended } = await hold(sampleRequest());
    await says("how all, then Enter:");
    expect(written).toContain("Delete from public.orders on appdb");
    expect(written).toContain("Reaches every row of public.orders");
    expect(written).toContain("| DELETE FROM orders");
    expect(written).toContain("also on http://127.0.0.1:1/x/");
    input.write("a\n");
    await says("Why, for the record");
    input.write("as agreed\n");
    expect(await ended).toMatchObject({
      answer: "approved",
      by: [{ login: "ines", via: "terminal" }],
      reason: "as agreed",
    });
    await says("Approved.");
  });

  it("is denied with a key, and anything else is asked again", async () => {
    const { ended } = await hold(sampleRequest());
    await says("how all, then Enter:");
    input.write("yes\n");
    await says("Type a, d or s.");
    input.write("d\n");
    await says("Why, for the record");
    input.write("\n");
    expect(await ended).toMatchObject({ answer: "refused" });
  });

  it("shows a long text in part, says so, and shows all of it when asked", async () => {
    const text = masked(Array.from({ length: 40 }, (_, at) => `line ${at}`).join("\n"));
    await hold(sampleRequest({ text }));
    await says("28 more lines");
    expect(written).not.toContain("line 39");
    input.write("s\n");
    await says("| line 39");
    await says("Workflow");
  });

  it("comes one after the other", async () => {
    const one = await hold(sampleRequest({ objects: ["first"] }));
    const two = await hold(sampleRequest({ id: "0000000001", objects: ["other_table"] }));
    await says("first");
    expect(written).not.toContain("other_table");
    input.write("d\n");
    await says("Why, for the record");
    input.write("\n");
    await one.ended;
    await says("Delete from other_table");
    input.write("a\n");
    await says("Approving: Delete from other_table");
    input.write("\n");
    expect(await two.ended).toMatchObject({ answer: "approved" });
    expect(await one.ended).toMatchObject({ answer: "refused" });
  });

  it("ends its prompt when it is answered on the page", async () => {
    const request = sampleRequest();
    const { ended } = await hold(request);
    await says("how all, then Enter:");
    const { pathname, origin } = new URL(running.desk.pageUrl);
    const reply = await fetch(`${origin}${pathname}answer`, {
      method: "POST",
      headers: { origin, "content-type": "application/json" },
      body: JSON.stringify({ id: request.id, digest: request.digest, word: "refuse", reason: "" }),
    });
    expect(reply.status).toBe(200);
    await ended;
    await says("refused by ines on the page");
  });

  it("is answered by nobody when the input ends", async () => {
    const { ended } = await hold(sampleRequest());
    await says("how all, then Enter:");
    input.end();
    const first = await Promise.race([ended, new Promise((resolve) => setTimeout(() => resolve("waiting"), 200))]);
    expect(first).toBe("waiting");
  });

  it("leaves on Ctrl-C and answers nothing by it", async () => {
    terminal.close();
    open({ terminal: true });
    await hold(sampleRequest());
    await says("how all, then Enter:");
    input.write("\u0003");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(interrupts).toBe(1);
    expect(await running.client.standing(sampleRequest().id, 0, new AbortController().signal)).toMatchObject({
      state: "pending",
    });
  });

  it("brings no control sequence of a job, and no colour where none is wanted", async () => {
    await hold(
      sampleRequest({
        text: masked("DELETE\u001B[2J\u001B]8;;http://x\u0007 \r FROM t\u202E"),
        objects: ["a\u001B[1A"],
      }),
    );
    await says("how all, then Enter:");
    expect(written).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
    expect(written).toContain("\\u{1B}[2J");
  });
});
