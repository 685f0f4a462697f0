import { Worker } from "node:worker_threads";
import { JournalError } from "../journal/ports.ts";
import type { Written } from "../journal/session-log.ts";
import type { HeadAddress } from "./head-address.ts";
import type { Countersigned, Followed, HeadSource } from "./head-follower.ts";
import { isThreadWord, type ThreadOrder } from "./head-messages.ts";

/** The thread keeps some hundred hashes and one piece of the journal; more than this is a leak. */
const LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 48, codeRangeSizeMb: 16 } as const;

/**
 * Follows a session in a thread of its own, which talks to the countersigner behind `door`. A thread that ends before it
 * was told to rejects whoever waits, and everybody after.
 */
export function followInThread(followed: Followed, door: HeadAddress): HeadSource {
  // The sources are TypeScript, what is built from them is not.
  const file = import.meta.url.endsWith(".ts") ? "./head-thread.ts" : "./head-thread.cjs";
  const worker = new Worker(new URL(file, import.meta.url), {
    workerData: { followed, door },
    // Its environment would otherwise be a copy of ours, which may hold a target's password.
    env: {},
    execArgv: [],
    resourceLimits: LIMITS,
  });
  let waiting: { readonly resolve: (head: Countersigned) => void; readonly reject: (error: Error) => void } | undefined;
  let failure: Error | undefined;
  const fail = (why: string, cause?: unknown): void => {
    failure ??= new JournalError(why, { cause });
    waiting?.reject(failure);
    waiting = undefined;
  };
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  worker.on("message", (word: unknown) => {
    if (!isThreadWord(word)) return fail("the thread of the heads said something that cannot be read");
    if (word.kind === "failed") return fail(word.why);
    waiting?.resolve({ size: word.size, atSeconds: word.atSeconds });
    waiting = undefined;
  });
  worker.on("error", (error) => fail("the thread of the heads failed", error));
  worker.on("exit", () => fail("the thread of the heads has ended"));
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window's
  const order = (what: ThreadOrder): void => worker.postMessage(what);
  return {
    async countersign(written: Written) {
      if (failure !== undefined) throw failure;
      return await new Promise<Countersigned>((resolve, reject) => {
        waiting = { resolve, reject };
        order({ kind: "countersign", written });
      });
    },
    async close() {
      order({ kind: "close" });
      await ended;
    },
  };
}
