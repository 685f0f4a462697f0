/**
 * Keeps two instances off one folder: PGlite is one process's, and two would tear the state apart. The lock is a socket that
 * the instance listens on, so nothing is left of it that counts when the instance is killed.
 */

import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { StateError } from "./database.ts";

/** Unix sockets have paths of 107 bytes at most, on some systems of 103. */
const PATH_BYTES_MAX = 103;

/** Takes the folder, which is made when it is not there. Rejects with StateError when another instance has it. */
export async function beOnlyInstance(folder: string): Promise<{ release(): Promise<void> }> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, "app.sock");
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
    throw new StateError(`the folder's path is too long; ${path} may have ${PATH_BYTES_MAX} bytes`);
  }
  const server = createServer((socket) => socket.destroy());
  const listen = async (): Promise<void> => {
    server.listen(path);
    await once(server, "listening");
  };
  try {
    await listen();
  } catch (cause) {
    if (await isAnswered(path)) throw new StateError(`another instance uses ${folder}`, { cause });
    // Left by one that was killed.
    rmSync(path, { force: true });
    await listen();
  }
  server.unref();
  return {
    async release() {
      server.close();
      await once(server, "close");
    },
  };
}

async function isAnswered(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
