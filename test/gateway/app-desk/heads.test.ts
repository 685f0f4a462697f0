// Heads over HTTP against a real witness: what was lost on the way is asked for again, and nothing is taken for an answer
// that is none.

import { generateKeyPairSync } from "node:crypto";
import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openAppHeads } from "../../../src/gateway/app-desk/heads.ts";
import { DeskError } from "../../../src/gateway/desk/call.ts";
import { SessionTree } from "../../../src/journal/session-tree.ts";
import { cosigner, noteSigner } from "../../../src/tlog/note.ts";
import { Witness } from "../../../src/tlog/witness.ts";

const ORIGIN = "github.com/octo/shop/countersign/s/01KANAV0Q8M3T4ZS5R6X7Y8Z9A";
type Fate = "answer" | "lose" | "drop" | "busy";

let server: Server;
let heads: ReturnType<typeof openAppHeads>;
let fates: Fate[];
let bodies: string[];
let tree: SessionTree;
const signer = noteSigner(ORIGIN, generateKeyPairSync("ed25519").privateKey);
const app = cosigner("countersign.test/app", generateKeyPairSync("ed25519").privateKey);

beforeEach(async () => {
  fates = [];
  bodies = [];
  const saved = new Map<string, { readonly size: number; readonly root: Uint8Array }>();
  const state = {
    load: (origin: string) => saved.get(origin),
    save: (origin: string, size: number, root: Uint8Array) => void saved.set(origin, { size, root }),
  };
  const witness = new Witness(state, app, () => [signer.verifier]);
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      bodies.push(body);
      const fate = fates.shift() ?? "answer";
      if (fate === "drop") return request.socket.destroy();
      if (fate === "busy") return response.writeHead(503).end("busy");
      const answer = witness.addCheckpoint(body, 1_764_000_000);
      if (fate === "lose") return request.socket.destroy();
      return response.writeHead(answer.status, { "content-type": answer.contentType }).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  heads = openAppHeads(`http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`);
  tree = new SessionTree({ origin: ORIGIN, countersigner: app.verifier });
});

afterEach(async () => {
  heads.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function countersign(lines: number): Promise<number> {
  tree.take(Buffer.from("{}\n".repeat(lines)));
  const { body, size } = tree.checkpoint(signer);
  return tree.cosigned(await heads.addCheckpoint(body), size).atSeconds;
}

it.each([
  ["at once", []],
  ["after the connection was cut before it was heard", ["drop", "drop"]],
  ["after an error of the App's", ["busy"]],
  ["after the answer was lost, by asking for the same head once more", ["lose"]],
  ["after the answer to that was lost too", ["lose", "lose", "lose"]],
] as const)("has each head countersigned %s", async (_when, happens) => {
  for (const lines of [3, 1, 7]) {
    fates.push(...happens);
    expect(await countersign(lines)).toBe(1_764_000_000);
  }
});

it("asks for a head whose answer was lost as an extension of itself by nothing", async () => {
  await countersign(2);
  bodies.length = 0;
  fates.push("lose");
  await countersign(3);
  expect(bodies.map((body) => body.split("\n")[0])).toEqual(["old 2", "old 2", "old 5"]);
  expect(bodies[2]).toMatch(/^old 5\n\n/);
});

it("is told by a message that ends with it which size the App holds, where that is another", async () => {
  await countersign(4);
  const other = new SessionTree({ origin: ORIGIN, countersigner: app.verifier });
  other.take(Buffer.from("[]\n".repeat(9)));
  const refused = await heads.addCheckpoint(other.checkpoint(signer).body).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(DeskError);
  expect(refused).toMatchObject({ status: 409, message: "the App holds another head of this session: 4" });
});

it("is refused for another root of the size that the App holds", async () => {
  await countersign(4);
  const other = new SessionTree({ origin: ORIGIN, countersigner: app.verifier });
  other.take(Buffer.from("[]\n".repeat(4)));
  await expect(heads.addCheckpoint(other.checkpoint(signer).body)).rejects.toMatchObject({ status: 422 });
});
