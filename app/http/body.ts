/** Reads a request's body whole, within its route's bound and within what all requests together may hold. */

import type { IncomingMessage } from "node:http";
import { Problem } from "./route.ts";

/** Room in memory for the bodies of requests that are being read or handled. */
export interface Room {
  /** Reserves bytes, or throws Problem (503). Give them back with what it returns. */
  reserve(bytes: number): () => void;
  reserved(): number;
}

export function createRoom(bytesMax: number): Room {
  let reserved = 0;
  return {
    reserve(bytes) {
      if (reserved + bytes > bytesMax) {
        throw new Problem(503, "Too much at once", "Send it again in a few seconds.", { retryAfter: 2 });
      }
      reserved += bytes;
      let isBack = false;
      return () => {
        if (!isBack) reserved -= bytes;
        isBack = true;
      };
    },
    reserved: () => reserved,
  };
}

/** How many bytes the body will have at most: what it says, or the route's bound. Throws Problem (413, 400). */
export function bodyBytes(request: IncomingMessage, bytesMax: number): number {
  const said = request.headers["content-length"];
  if (request.headers["transfer-encoding"] !== undefined) return bytesMax;
  if (said === undefined) return 0;
  const bytes = Number(said);
  if (!/^\d{1,15}$/.test(said)) throw new Problem(400, "Bad length", "Send Content-Length as a whole number.");
  if (bytes > bytesMax) throw tooLarge(bytesMax);
  return bytes;
}

/** The whole body. Throws Problem (413) at the first byte too many; the rest is not read. */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bytesMax) {
        request.pause();
        reject(tooLarge(bytesMax));
        return;
      }
      chunks.push(chunk);
    });
    request.once("end", () => resolve(Buffer.concat(chunks)));
    request.once("close", () => reject(new Problem(400, "Cut off", "The body ended early: send the request again.")));
    request.once("error", (cause) => reject(new Problem(400, "Cut off", "Send the request again.", { cause })));
  });
}

function tooLarge(bytesMax: number): Problem {
  return new Problem(413, "Too large", `The body of this request may have ${bytesMax} bytes.`);
}
