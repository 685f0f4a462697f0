// The worker, a process of its own as the runner's is: takes one job from the listener, runs it, and ends.

import { rmSync } from "node:fs";
import { NotUnderstood } from "./expression/tree.ts";
import { type RunningJob, startJob } from "./job.ts";
import { isOrder, type WorkerMessage } from "./order.ts";
import { carrying, kill, running } from "./processes.ts";

// The name under which steps find their runner in /proc.
process.title = "Runner.Worker";
// A terminal's Ctrl-C is the listener's to hear.
process.on("SIGINT", () => undefined);

const before = running();
const started: { job?: RunningJob; trackingId?: string; home?: string; isCancelled?: boolean } = {};

function report(message: WorkerMessage): void {
  if (process.connected) process.send?.(message);
}

process.on("message", (message: unknown) => {
  if (!isOrder(message)) return;
  if (message.kind === "cancel") {
    started.isCancelled = true;
    started.job?.cancel();
    return;
  }
  started.trackingId = message.trackingId;
  started.home = message.folders.home;
  started.job = startJob(message, report);
  // A cancellation may have been quicker than the job.
  if (started.isCancelled === true) started.job.cancel();
  started.job.ended.then(end, (error: unknown) => {
    sweep();
    if (!(error instanceof NotUnderstood)) throw error;
    report({ kind: "not-understood", text: error.message });
    end();
  });
});

// Without a listener there is nobody to run for; a test that died leaves nothing behind.
process.on("disconnect", () => {
  sweep();
  if (started.home !== undefined) rmSync(started.home, { recursive: true, force: true });
  process.exit(1);
});

function end(): void {
  // What holds a step's output open may do so for ever; the worker does not wait for it.
  if (process.connected) process.send?.({ kind: "ready" } satisfies WorkerMessage, () => process.exit(0));
}

function sweep(): void {
  const { trackingId } = started;
  if (trackingId !== undefined) for (const seen of carrying(trackingId, before)) kill(seen);
}

report({ kind: "ready" });
