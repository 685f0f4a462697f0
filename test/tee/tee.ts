// Stands between the gateway and the server and keeps every byte that passes, in both directions. It understands none.

import { connect, createServer, type Socket } from "node:net";

/** Bytes kept in all; what a test sends is far less, and a test that sends more is told. */
const KEPT_BYTES_MAX = 512 * 1024 * 1024;

/** One connection's bytes, as they passed. */
export interface Recording {
  readonly toServer: Buffer;
  readonly toClient: Buffer;
}

export interface Tee {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** What passed so far, in the order in which connections were opened. Throws when more passed than is kept. */
  recordings(): readonly Recording[];
  /** Resolves when no connection is open, so that what was recorded is all there will be. */
  quiet(): Promise<void>;
  close(): Promise<void>;
}

/** Listens on a port of its own and connects each client to `server`. */
export async function startTee(server: { readonly host: string; readonly port: number }): Promise<Tee> {
  const kept: { readonly toServer: Buffer[]; readonly toClient: Buffer[] }[] = [];
  const open = new Set<Socket>();
  let bytes = 0;
  let onQuiet: (() => void)[] = [];

  const listener = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ ...server, noDelay: true });
    const recording = { toServer: [] as Buffer[], toClient: [] as Buffer[] };
    kept.push(recording);
    for (const [from, to, list] of [
      [client, upstream, recording.toServer],
      [upstream, client, recording.toClient],
    ] as const) {
      open.add(from);
      from.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= KEPT_BYTES_MAX) list.push(chunk);
      });
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroySoon();
        open.delete(from);
        if (open.size > 0) return;
        for (const resolve of onQuiet) resolve();
        onQuiet = [];
      });
    }
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  return {
    host: "127.0.0.1",
    port: typeof address === "object" && address !== null ? address.port : 0,
    recordings: () => {
      if (bytes > KEPT_BYTES_MAX) throw new Error(`${bytes} bytes passed; the tee keeps ${KEPT_BYTES_MAX}`);
      return kept.map((each) => ({ toServer: Buffer.concat(each.toServer), toClient: Buffer.concat(each.toClient) }));
    },
    quiet: async () => {
      if (open.size > 0) await new Promise<void>((resolve) => onQuiet.push(resolve));
    },
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}
