// A load balancer as plain as they come: takes connections and hands each to an instance that takes it, in turn.

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface Balancer {
  close(): Promise<void>;
}

/** Listens on `port` of this machine and shares connections among `instances`, which may come and go. */
export async function startBalancer(port: number, instances: readonly number[]): Promise<Balancer> {
  const open = new Set<Socket>();
  let turn = 0;
  const server = createServer((client) => {
    open.add(client);
    client.on("error", () => undefined);
    client.on("close", () => open.delete(client));
    turn += 1;
    hand(client, [...instances.slice(turn % instances.length), ...instances.slice(0, turn % instances.length)]);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    async close() {
      for (const each of open) each.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function hand(client: Socket, [first, ...others]: readonly number[]): void {
  if (first === undefined) {
    client.destroy();
    return;
  }
  const instance = connect(first, "127.0.0.1");
  let isThere = false;
  instance.on("connect", () => {
    isThere = true;
    client.pipe(instance).pipe(client);
  });
  client.on("close", () => instance.destroy());
  instance.on("error", () => {
    if (!isThere) hand(client, others);
  });
  instance.on("close", () => {
    if (isThere) client.destroy();
  });
}
