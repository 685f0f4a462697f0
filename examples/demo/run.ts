// Starts the built `countersign`, as anybody would: once around the job, once to verify what it left.

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Shop } from "./shop.ts";
import type { Teller } from "./show.ts";
import { openPage } from "./stand-in.ts";

const PROGRAM = join(import.meta.dirname, "../../dist/countersign.cjs");
const JOB = join(import.meta.dirname, "job.mjs");

/** A gateway that was told to end seals its session first; one that takes longer than this is stuck. */
const END_MS_MAX = 15_000;

/** Where nobody has to be waited for, the job is done in seconds. */
const UNATTENDED_MS_MAX = 60_000;

export interface Run {
  readonly repository: string;
  /** For keys and unfinished sessions; removed afterwards. */
  readonly folder: string;
  readonly shop: Shop;
  /** Is there a person at a terminal to answer. */
  readonly isAttended: boolean;
  readonly interrupted: AbortSignal;
  readonly teller: Teller;
}

/** Runs the job behind the gateway. Resolves to the exit code, after the session was sealed. */
export async function runJob(about: Run): Promise<number> {
  const { repository, folder, shop, isAttended, interrupted, teller } = about;
  const { say, dim } = teller;
  say(`   ${dim(`$ countersign run --target appdb=${shop.url} --password appdb=env:SHOP_PASSWORD \\`)}`);
  say(`   ${dim("    --env DATABASE_URL=appdb --ledger git:countersign/evidence -- node job.mjs")}`);
  if (isAttended)
    say(
      `   ${teller.bold("It will ask you: a to approve, d to deny, then Enter. Or answer on the page whose link it prints.")}`,
    );
  const options = {
    "--policy": ".github/countersign.yml",
    "--target": `appdb=${shop.url}`,
    "--password": "appdb=env:SHOP_PASSWORD",
    "--env": "DATABASE_URL=appdb",
    "--ledger": "git:countersign/evidence",
  };
  const args = [PROGRAM, "run", ...Object.entries(options).flat(), "--", process.execPath, JOB];
  const env = {
    ...withoutRunner(process.env),
    SHOP_PASSWORD: shop.password,
    COUNTERSIGN_STATE_DIR: join(folder, "state"),
    DEMO_COLOUR: teller.isColoured ? "1" : "0",
  };
  const child = isAttended
    ? spawn(process.execPath, args, { cwd: repository, env, stdio: "inherit" })
    : // The shell makes one stream of the two, so that lines stay in the order in which they were written.
      spawn("/bin/sh", ["-c", 'exec "$@" 2>&1', "sh", process.execPath, ...args], {
        cwd: repository,
        env,
        stdio: ["ignore", "pipe", "inherit"],
      });
  const end = (): void => endGently(child);
  interrupted.addEventListener("abort", end);
  const late = isAttended ? undefined : setTimeout(end, UNATTENDED_MS_MAX);
  try {
    const answering = child.stdout === null ? Promise.resolve() : follow(child.stdout, about);
    // Without an answer the job would wait until its request expires.
    answering.catch(end);
    const code = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (status, signal) => resolve(status ?? (signal === null ? 1 : 128)));
    });
    await answering;
    return code;
  } finally {
    clearTimeout(late);
    interrupted.removeEventListener("abort", end);
  }
}

/** Verifies a branch of the repository around `cwd`, or a folder. Resolves to the exit code and the lines printed. */
export async function verify(
  cwd: string,
  place: string,
): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  const child = spawn(process.execPath, [PROGRAM, "verify", place], { cwd, stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  const code = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve(status ?? 1));
  });
  return { code, lines };
}

/** Prints what the run prints, and has the stand-in answer what it holds. */
async function follow(output: NodeJS.ReadableStream, { teller, shop }: Run): Promise<void> {
  const answers: Promise<void>[] = [];
  for await (const line of createInterface({ input: output })) {
    const [, id, link] = /^countersign: held: request (\w{10}) .* Answer at (http:\S+)$/.exec(line) ?? [];
    if (id === undefined || link === undefined) {
      // The link opens the page for whoever has it, so the demo's log does not repeat it.
      const shown = line.replace(/(http:\/\/127\.0\.0\.1:\d+)\/\S+/, "$1/…");
      teller.say(line.startsWith("countersign: ") ? `   ${teller.dim(shown)}` : line === "" ? "" : ` ${shown}`);
    } else answers.push(standIn(link, id, { teller, shop }));
  }
  await Promise.all(answers);
}

async function standIn(link: string, id: string, { teller, shop }: Pick<Run, "teller" | "shop">): Promise<void> {
  const { say, bold, dim } = teller;
  const page = await openPage(link, id);
  const carts = await shop.cartsLeft();
  if (carts !== shop.carts) throw new Error(`${shop.carts - carts} carts are gone before anybody answered`);
  say(`\n   ${bold("held")}  All ${carts} carts are still there. The page at ${new URL(link).origin} shows:`);
  say(`         ${bold(`${page.headline} on ${page.target}`)}  ${dim(`request ${id}`)}`);
  for (const [label, value] of page.facts) say(`         ${dim(label.padEnd(9))} ${value}`);
  say(`         ${dim("Command".padEnd(9))} ${page.text}`);
  const said = await page.approve("Approved by the demo's stand-in, not by a person.");
  if (said !== "Approved.") throw new Error(`the page said: ${said}`);
  say(`   ${bold("stand-in for a reviewer: approved")}\n`);
}

/** SIGTERM, which the run hands to its job and then seals; SIGKILL where that does not end it. */
function endGently(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), END_MS_MAX);
  child.once("close", () => clearTimeout(late));
}

/** Without what a CI runner or git hook says of another repository, and what another server's client is told. */
function withoutRunner(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(?:GITHUB_|GIT_|PG)/.test(name)));
}
