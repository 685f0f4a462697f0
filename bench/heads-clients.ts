// Gateways that have heads cosigned as fast as they are answered, in a process of their own; bench/heads.ts starts it.
//
//   node bench/heads-clients.ts URL CLIENTS HEADS
//
// First it writes the sessions that are to be registered, as one line of JSON; told to go on, it asks; then it writes figures.

import { Agent, request } from "node:http";
import { newGateway } from "../test/app/sessions/gateway.ts";

const [url = "", clients = "32", heads = "200"] = process.argv.slice(2);

const agent = new Agent({ keepAlive: true, maxSockets: Number(clients) });

// What a gateway does for a head is measured elsewhere, so all is signed before the clock runs.
const gateways = Array.from({ length: Number(clients) }, () => {
  const gateway = newGateway();
  const bodies = Array.from({ length: Number(heads) }, () => {
    const body = gateway.grow(1);
    gateway.cosigned();
    return body;
  });
  return { sid: gateway.sid, origin: gateway.origin, vkey: gateway.vkey, bodies };
});

process.stdout.write(`${JSON.stringify(gateways.map(({ sid, origin, vkey }) => ({ sid, origin, vkey })))}\n`);
process.stdin.once("data", () => void run());

async function run(): Promise<void> {
  const took: number[] = [];
  let refused = 0;
  const startedMs = performance.now();
  await Promise.all(
    gateways.map(async ({ bodies }) => {
      for (const body of bodies) {
        const sentMs = performance.now();
        if ((await ask(body)) !== 200) refused += 1;
        took.push(performance.now() - sentMs);
      }
    }),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  const sorted = took.toSorted((a, b) => a - b);
  const within = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? 0;
  const figures = { perSecond: (took.length - refused) / seconds, p50Ms: within(0.5), p99Ms: within(0.99), refused };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  agent.destroy();
  process.stdin.destroy();
}

async function ask(body: string): Promise<number> {
  return await new Promise<number>((resolve, reject) => {
    const sent = request(`${url}/add-checkpoint`, { agent, method: "POST" }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
