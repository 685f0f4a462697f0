// The thread that follows a session's journal and has its heads countersigned. It is started by `followInThread`, takes how
// far the journal is written, and says which head was countersigned, or why none will be any more.

import { parentPort, workerData } from "node:worker_threads";
import { openAppHeads } from "./app-desk/heads.ts";
import { openHeadDoor } from "./desk/head-door.ts";
import { HeadFollower } from "./head-follower.ts";
import { isThreadOrder, isThreadStart, type ThreadWord } from "./head-messages.ts";

const start: unknown = workerData;
const port = parentPort;
if (port === null || !isThreadStart(start)) throw new Error("this file is a thread's; followInThread starts it");

const door = start.door.kind === "app" ? openAppHeads(start.door.url) : openHeadDoor(start.door);
const follower = new HeadFollower(start.followed, async (body) => await door.addCheckpoint(body));
const say = (word: ThreadWord): void => port.postMessage(word);

async function close(): Promise<void> {
  await follower.close();
  door.close();
  port?.close();
}

port.on("message", (order: unknown) => {
  if (!isThreadOrder(order)) throw new Error("the gateway sent its thread something that is no order");
  if (order.kind === "close") {
    void close();
    return;
  }
  follower.countersign(order.written).then(
    (head) => say({ kind: "countersigned", ...head }),
    (error: unknown) => say({ kind: "failed", why: error instanceof Error ? error.message : String(error) }),
  );
});
