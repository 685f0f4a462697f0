import { connect, type Socket } from "node:net";
import type { Countersigner } from "../../journal/ports.ts";
import { DeskError } from "./call.ts";
import { encodeHeadFrame, FrameError, HeadFrames } from "./head-frames.ts";

/** Where the countersigner is found, and what must be known to be let in. */
export interface DeskAddress {
  readonly socketPath: string;
  /** What the countersigner wrote on its ready line. */
  readonly secret: string;
}

/** The socket for heads stands beside the one for everything else. */
export function headSocketPath(socketPath: string): string {
  return `${socketPath}.heads`;
}

interface Waiting {
  readonly resolve: (lines: string) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The countersigner's add-checkpoint alone, over a connection that is kept. Believes nothing: who calls it verifies. Once
 * the connection is lost, every call rejects.
 */
export function openHeadDoor({
  socketPath,
  secret,
}: DeskAddress): Pick<Countersigner, "addCheckpoint"> & { readonly close: () => void } {
  let socket: Socket | undefined;
  let lost: DeskError | undefined;
  const frames = new HeadFrames();
  const waiting: Waiting[] = [];
  const lose = (cause: unknown): void => {
    lost ??= new DeskError(0, "the countersigner does not answer; nothing more is released", { cause });
    for (const { reject } of waiting.splice(0)) reject(lost);
    socket?.destroy();
  };
  const take = (chunk: Buffer): void => {
    for (const text of frames.take(chunk)) {
      const next = waiting.shift();
      if (next === undefined) throw new FrameError("the countersigner answered what was not asked");
      const status = Number(text.slice(0, 3));
      const body = text.slice(4);
      if (status === 200) next.resolve(body);
      else next.reject(new DeskError(status, `the countersigner answered ${status}: ${body.trim().slice(0, 500)}`));
    }
  };
  const open = (): Socket => {
    const opened = connect(headSocketPath(socketPath));
    opened.write(`${secret}\n`);
    opened.on("error", lose);
    opened.on("close", () => lose(undefined));
    opened.on("data", (chunk: Buffer) => {
      try {
        take(chunk);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        lose(error);
      }
    });
    return opened;
  };
  return {
    async addCheckpoint(body) {
      if (lost !== undefined) throw lost;
      socket ??= open();
      const frame = encodeHeadFrame(body);
      const answered = new Promise<string>((resolve, reject) => waiting.push({ resolve, reject }));
      socket.write(frame);
      return await answered;
    },
    close: () => socket?.destroy(),
  };
}
