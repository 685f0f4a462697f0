import { createServer, type Server, type Socket } from "node:net";
import type { WitnessAnswer } from "../../tlog/witness.ts";
import { isSameSecret } from "./exchange.ts";
import { encodeHeadFrame, FrameError, HeadFrames } from "./head-frames.ts";

export interface HeadServerParts {
  readonly secret: string;
  /** The witness's answer to an add-checkpoint body, now. */
  readonly answer: (body: string) => WitnessAnswer;
  readonly log: (line: string) => void;
}

/** How long a client may take to say the secret. */
const SECRET_MS_MAX = 5_000;
const SECRET_CHARACTERS_MAX = 256;

/** A gateway has one; more is a leak or an attack. */
const CONNECTIONS_MAX = 16;

const NEWLINE = 10;

export interface HeadServer {
  readonly server: Server;
  /** Ends all connections. Resolves when the server is closed. */
  close(): Promise<void>;
}

/** The countersigner's end of `head-frames.ts`. What it does not understand closes the connection. */
export function headServer(parts: HeadServerParts): HeadServer {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    serve(socket, parts);
  });
  server.maxConnections = CONNECTIONS_MAX;
  return {
    server,
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      });
    },
  };
}

function serve(socket: Socket, parts: HeadServerParts): void {
  const frames = new HeadFrames();
  let said: Buffer | undefined = Buffer.alloc(0);
  const late = setTimeout(() => socket.destroy(), SECRET_MS_MAX);
  socket.on("error", () => socket.destroy());
  socket.on("close", () => clearTimeout(late));
  const take = (chunk: Buffer): void => {
    for (const body of frames.take(chunk)) socket.write(encodeHeadFrame(answerTo(body, parts)));
  };
  socket.on("data", (chunk: Buffer) => {
    try {
      if (said === undefined) return take(chunk);
      said = Buffer.concat([said, chunk]);
      const end = said.indexOf(NEWLINE);
      if (end === -1 && said.length <= SECRET_CHARACTERS_MAX) return;
      if (!isSameSecret(said.toString("latin1", 0, Math.max(0, end)), parts.secret)) {
        socket.destroy();
        return;
      }
      clearTimeout(late);
      const rest = said.subarray(end + 1);
      said = undefined;
      take(rest);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      socket.destroy();
    }
  });
}

/** An error of our own is a 500 without its words, which the operator gets. */
function answerTo(body: string, { answer, log }: HeadServerParts): string {
  try {
    const { status, body: text } = answer(body);
    return `${status} ${text}`;
  } catch (error) {
    log(`countersigner: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return "500 the countersigner failed; nothing was answered or signed";
  }
}
