import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { setTimeout as elapsed } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { play, printed, start, workflowOf } from "./play.ts";
import { carrying, running } from "./processes.ts";

const DAEMON = "- uses: acme/daemon@v1\n  id: daemon\n- run: echo working\n  id: work\n";

describe("processes that a step leaves behind", () => {
  it("live through all steps and posts when they have their own output, and are ended at the end", async () => {
    const result = await play(workflowOf(DAEMON));
    expect(result.conclusion).toBe("success");
    expect(result.phase("pre", "daemon").leftOpen).toBe(false);
    expect(printed(result, "daemon", "post")).toContain("the daemon is there");
    expect(result.swept.map((each) => each.command)).toEqual([expect.stringContaining("daemon.mjs")]);
    expect(result.phase("complete job").log[1]).toMatch(/^Terminate orphan process: pid \(\d+\) \(node\)$/);
    expect(result.left).toEqual([]);
  });

  it("cost their step the full wait when they have its output, and what they say later is lost", async () => {
    const inherited = DAEMON.replace("  id: daemon\n", "  id: daemon\n  with:\n    output: inherit\n");
    const text = workflowOf(inherited.replace("echo working", "sleep 1; echo working"));
    const result = await play(text, { timings: { eofMs: 400 } });
    const pre = result.phase("pre", "daemon");
    expect(pre.leftOpen).toBe(true);
    expect(pre.openMs).toBeGreaterThanOrEqual(400);
    // It says so twenty times a second, and through a step of a second and more that is not heard.
    const heard = pre.log.filter((line) => line === "the daemon lives").length;
    expect(heard).toBeGreaterThan(0);
    expect(heard).toBeLessThan(((pre.exitMs ?? 0) + (pre.openMs ?? 0)) / 50 + 3);
    expect(printed(result, "work")).toEqual(["working"]);
    // It met no broken pipe, or the post would not have found it.
    expect(printed(result, "daemon", "post")).toContain("the daemon is there");
  });

  it("are left alone without the runner's id, and are then nobody's to end", async () => {
    const result = await play(
      workflowOf('- run: env -u RUNNER_TRACKING_ID sh -c "exec sleep 5" > log 2>&1 & echo "$!"\n  id: say\n'),
    );
    const pid = Number(printed(result, "say")[0]);
    expect(result.swept).toEqual([]);
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    process.kill(pid, "SIGKILL");
  });

  it("stay when the worker dies: nothing sweeps, no post runs, the job fails", async () => {
    const result = await play(workflowOf(DAEMON.replace("echo working", "sleep 20")), {
      killWorkerAt: { phase: "main", step: "work" },
    });
    expect(result).toMatchObject({ conclusion: "failure", workerDied: true, swept: [] });
    expect(result.phases.map((each) => each.phase)).toEqual(["set up job", "pre", "main", "main"]);
    const left = result.left.map((each) => /[^/.]*$/.exec(each.command)?.[0]);
    expect(left).toEqual(expect.arrayContaining(["mjs", "sh"]));
    await result.close();
    expect(carrying(result.trackingId, new Map())).toEqual([]);
    expect(existsSync(result.folders.home)).toBe(false);
  });
});

describe("a process with a runner's id", () => {
  it("is that runner's where it was not there before", async () => {
    const id = "github_of_this_test";
    const child = spawn("sleep", ["20"], {
      env: { PATH: process.env["PATH"], RUNNER_TRACKING_ID: id },
      stdio: "ignore",
    });
    await once(child, "spawn");
    expect(carrying(id, new Map()).map((each) => each.pid)).toEqual([child.pid]);
    expect(carrying(id, running())).toEqual([]);
    child.kill("SIGKILL");
  });
});

describe("cancelling a job", () => {
  const stubborn = (ignore: string, more = ""): string =>
    workflowOf(
      `- uses: acme/stubborn@v1\n  id: it\n  with:\n    ignore: "${ignore}"\n${more}- run: echo next\n  id: next\n`,
    );
  const timings = { interruptMs: 300, terminateMs: 200, eofMs: 1000 };
  const cancelAt = { phase: "main", step: "it", line: /waiting/ } as const;

  it("sends SIGINT, which ends a step that does not mind it, and runs posts but no further step", async () => {
    const result = await play(stubborn(""), { cancelAt, timings });
    expect(result.conclusion).toBe("cancelled");
    expect(result.phase("main", "it")).toMatchObject({ outcome: "cancelled", exitCode: 130 });
    expect(result.phase("main", "it").annotations.map((each) => each.message)).toEqual(["The operation was canceled."]);
    expect(result.phase("main", "next").outcome).toBe("skipped");
    expect(printed(result, "it", "post")).toContain("post of the stubborn");
  });

  it("sends SIGTERM after 7.5 seconds to one that minds the first, and SIGKILL after 2.5 more", async () => {
    const [term, kill] = await Promise.all([
      play(stubborn("SIGINT"), { cancelAt, timings }),
      play(stubborn("SIGINT SIGTERM"), { cancelAt, timings }),
    ]);
    expect(term.phase("main", "it").exitCode).toBe(143);
    const killed = kill.phase("main", "it");
    expect(killed.exitCode).toBe(137);
    const times = killed.log.flatMap((line) => /^(SIGINT|SIGTERM) after (\d+)$/.exec(line)?.[2] ?? []).map(Number);
    const [interrupt = 0, terminate = 0] = times;
    expect(times).toHaveLength(2);
    expect(terminate - interrupt).toBeGreaterThanOrEqual(295);
    expect((killed.exitMs ?? 0) - terminate).toBeGreaterThanOrEqual(195);
  });

  it("signals the step's own process alone: what a script waits for lives until the sweep", async () => {
    const result = await play(workflowOf("- run: (sleep 0.3; echo waiting) & sleep 30\n  id: it\n"), {
      cancelAt,
      timings: { ...timings, eofMs: 100 },
    });
    expect(result.phase("main", "it")).toMatchObject({ outcome: "cancelled", exitCode: 143, leftOpen: true });
    expect(result.swept.map((each) => each.command)).toEqual(["sleep 30"]);
  });

  it("lets a phase run on whose condition holds for a cancelled job, as pre's does unless it says otherwise", async () => {
    const result = await play(stubborn("", "    pre-waits: true\n"), {
      cancelAt: { phase: "pre", line: /waiting/ },
      timings,
    });
    expect(result.phase("pre", "it")).toMatchObject({ outcome: "success", exitCode: 0 });
    expect(result.phase("main", "it").outcome).toBe("skipped");
    expect(result.phase("post", "it").outcome).toBe("success");
    expect(result.conclusion).toBe("cancelled");
  });

  it("ends in five minutes whatever a job does: the machine goes, and all on it", async () => {
    const body = "- run: echo waiting; sleep 30\n  id: it\n  if: always()\n- uses: acme/daemon@v1\n";
    const result = await play(workflowOf(body), { cancelAt, timings: { cancellationMs: 300 } });
    expect(result).toMatchObject({ conclusion: "cancelled", workerDied: true, takenAway: true });
    expect(result.left).toEqual([]);
    expect(result.phases.at(-1)?.step).toBe("it");
  });

  it("is what happens to a job at its own time limit", async () => {
    const result = await play(workflowOf("- run: sleep 30\n  id: it\n", "timeout-minutes: 1"), {
      timings: { minuteMs: 1500 },
    });
    expect(result.conclusion).toBe("cancelled");
    expect(result.phase("main", "it").outcome).toBe("cancelled");
  });

  it("is not what happens to a step at its time limit: that fails", async () => {
    const body = "- run: sleep 30\n  id: it\n  timeout-minutes: 1\n- run: echo late\n  id: late\n  if: failure()\n";
    const result = await play(workflowOf(body), { timings: { minuteMs: 200 } });
    expect(result.phase("main", "it").annotations.at(-1)?.message).toBe(
      "The action 'Run sleep 30' has timed out after 1 minutes.",
    );
    expect(result.phase("main", "it").outcome).toBe("failure");
    expect(printed(result, "late")).toEqual(["late"]);
    expect(result.conclusion).toBe("failure");
  });

  it("is an error of the test's where the moment for it never came", async () => {
    const cancelled = play(workflowOf("- run: echo hello\n"), { cancelAt: { phase: "main", line: /good-bye/ } });
    await expect(cancelled).rejects.toThrow("cancelAt never came");
  });
});

describe("a running job", () => {
  it("is cancelled even where that was asked before its worker was there", async () => {
    const handle = start(workflowOf("- run: sleep 30\n  id: it\n"));
    handle.cancel();
    const result = await handle.result;
    expect(result).toMatchObject({ conclusion: "cancelled", takenAway: false });
    expect(result.phase("main", "it").outcome).not.toBe("success");
  });

  it("shows its worker as steps look for it, and can be waited for and cancelled by hand", async () => {
    const handle = start(workflowOf('- run: cat "/proc/$PPID/comm"; echo waiting; sleep 30\n  id: it\n'));
    await handle.until({ phase: "main", step: "it", line: /^waiting$/ });
    await elapsed(10);
    handle.cancel();
    const result = await handle.result;
    expect(printed(result, "it")[0]).toBe("Runner.Worker");
    expect(result.conclusion).toBe("cancelled");
  });
});
