import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { openSmee } from "../../app/smee.ts";

it("hands on what a channel brings, with the signature as GitHub made it", async () => {
  const payload = { action: "created", installation: { id: 1 } };
  const signature = `sha256=${createHmac("sha256", "a secret").update(JSON.stringify(payload)).digest("hex")}`;
  const streams: ServerResponse[] = [];
  const channel = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("event: ready\ndata: {}\n\n");
    streams.push(response);
  });
  const taken: { readonly path: string; readonly signature: unknown; readonly body: string }[] = [];
  const app = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      taken.push({ path: request.url ?? "", signature: request.headers["x-hub-signature-256"], body });
      response.writeHead(200).end();
    });
  });
  const origins = await Promise.all(
    [channel, app].map(async (server) => {
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    }),
  );
  const [source = "", origin = ""] = origins;
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const smee = await openSmee({ source: `${source}/abc`, origin }, log);
  const delivery = { "x-github-event": "issue_comment", "x-hub-signature-256": signature, body: payload };
  streams[0]?.write(`data: ${JSON.stringify(delivery)}\n\n`);
  await expect.poll(() => taken).toHaveLength(1);
  expect(taken[0]).toEqual({ path: "/api/github/webhooks", signature, body: JSON.stringify(payload) });
  await smee.close();
  for (const server of [channel, app]) {
    server.closeAllConnections();
    server.close();
  }
});
