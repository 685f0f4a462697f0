// A plain Node pipe: what it costs to carry bytes through Node at all, with no one looking at them. The bench runs it as
// a process of its own, so that the gateway is compared with the least that any gateway in Node could cost.
//
//   node bench/pipe.ts HOST PORT     prints the port it listens on

import { connect, createServer } from "node:net";

const [host = "127.0.0.1", port = "5432"] = process.argv.slice(2);

const server = createServer({ noDelay: true }, (client) => {
  const upstream = connect({ host, port: Number(port), noDelay: true });
  client.pipe(upstream);
  upstream.pipe(client);
  // One side gone means that the other has nobody to talk to.
  client.on("error", () => upstream.destroy());
  upstream.on("error", () => client.destroy());
  client.on("close", () => upstream.destroy());
  upstream.on("close", () => client.destroy());
});

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`${typeof address === "object" && address !== null ? address.port : 0}\n`);
});

process.on("SIGTERM", () => process.exit(0));
