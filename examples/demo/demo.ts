// `npm run demo`: a whole session in front of a real PostgreSQL server, from the job's first query to the verdict on its
// evidence. Everything is made in folders of its own and removed again, also on Ctrl-C.

import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as soon } from "node:timers/promises";
import { parseArgs } from "node:util";
import { forge, git, makeRepository, valuesFound } from "./repository.ts";
import { runJob, verify } from "./run.ts";
import { openShop } from "./shop.ts";
import { openTeller, pageLines, type Teller, treeLines } from "./show.ts";

const HELP = `npm run demo [-- OPTIONS]

Starts a real PostgreSQL server with a small shop, runs a job behind the gateway, and verifies the evidence it leaves.
The job tries a DELETE without a condition; you answer, in this terminal or on the page that it names.

  --yes    do not wait for a person: a stand-in, labelled as one, reads the page and approves
  --keep   keep the repository with the evidence, and say where it is
  --help   this text

Without a terminal it behaves as with --yes. It needs no account and no network, and removes what it made.`;

/** The job's exit code after Ctrl-C at the prompt, which is a key there and no signal. 128 + SIGINT. */
const INTERRUPTED = 130;

class Interrupted extends Error {}

/** Something did not go as the demo promises; the message says what. */
class NotAsTold extends Error {}

interface Demo {
  readonly yes: boolean;
  readonly keep: boolean;
  readonly teller: Teller;
  readonly interrupted: AbortSignal;
  /** Called in reverse order at the end, whatever happened. */
  readonly undo: (() => void | Promise<void>)[];
}

async function tell({ yes, keep, teller, interrupted, undo }: Demo): Promise<void> {
  const { say, step, good, bold, dim } = teller;
  const isAttended = !yes && process.stdin.isTTY && process.stderr.isTTY;
  const repository = mkdtempSync(join(tmpdir(), "countersign-demo-"));
  undo.push(() => {
    if (!keep) rmSync(repository, { recursive: true, force: true, maxRetries: 5 });
  });
  const folder = mkdtempSync(join(tmpdir(), "cs-demo-"));
  undo.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  // As root, the server runs as another user, who must get through to its own folder in here. What is private in it has
  // modes of its own.
  chmodSync(folder, 0o711);
  // Whatever anybody makes from here on lies in one place, which is removed as a whole.
  process.env["TMPDIR"] = folder;

  say(bold("Countersign: one command, one decision, countersigned before it runs."));

  step("A shop's database with people in it", "Production, for the next minute: a real PostgreSQL server.");
  const shop = await openShop();
  undo.push(shop.close);
  interrupted.throwIfAborted();
  good(`PostgreSQL ${shop.majorVersion} on 127.0.0.1:${shop.port}: 8 customers, 120 orders, ${shop.carts} carts`);

  step("A repository with a policy", "Reads pass, schema changes are denied, a DELETE waits for a person.");
  makeRepository(repository);
  good(`.github/countersign.yml in ${repository}, one commit`);

  step("A job runs behind the gateway", "It is given an ordinary DATABASE_URL; the real password it never sees.");
  const exit = await runJob({ repository, folder, shop, isAttended, interrupted, teller });
  interrupted.throwIfAborted();
  if (exit === INTERRUPTED) throw new Interrupted();
  if (exit !== 0) throw new NotAsTold(`countersign run ended with exit code ${exit}, not 0`);
  const left = await shop.cartsLeft();

  step("It left evidence in a branch of the repository", "One commit; work tree and index were not touched.");
  const files = git(repository, "ls-tree", "-r", "--name-only", "countersign/evidence").split("\n");
  for (const line of treeLines(files, teller)) say(`   ${line}`);
  if (git(repository, "status", "--porcelain") !== "") throw new NotAsTold("the work tree was touched");

  step("A page for people", "Who did what when, by which rule, and who answered; what is personal is masked.");
  const page = files.find((each) => /^sessions\/\d+\/\d+\/\d+\/\w+\/README\.md$/.test(each));
  if (page === undefined) throw new NotAsTold("the evidence has no page about the session");
  for (const line of pageLines(git(repository, "show", `countersign/evidence:${page}`), teller))
    say(line === "" ? "" : `   ${line}`);
  const found = valuesFound(repository, files, await shop.personalValues());
  if (found.length > 0) throw new NotAsTold(`personal values are in the evidence: ${found.join(", ")}`);
  good(`none of the 16 addresses and numbers is in any of the ${files.length} files, encoded or not`);

  step("An auditor verifies it", "From the branch alone: no network, no account, no trust in this machine.");
  say(`   ${dim("$ countersign verify countersign/evidence")}`);
  const verdict = await verify(repository, "countersign/evidence");
  for (const line of verdict.lines) say(`   ${line}`);
  if (verdict.code !== 0) throw new NotAsTold("the evidence did not verify");
  interrupted.throwIfAborted();

  step(
    "Somebody makes the DELETE look harmless",
    "In a copy of the branch, one word in one file: delete becomes read.",
  );
  const copy = join(folder, "forged");
  forge(repository, copy);
  say(`   ${dim("$ countersign verify forged")}`);
  const forged = await verify(folder, copy);
  for (const line of forged.lines) if (/^ {2}FAILED|^verdict/.test(line)) say(`   ${teller.red(line)}`);
  if (forged.code !== 1) throw new NotAsTold("the forged copy verified");

  const ending =
    left === 0
      ? "the held DELETE was approved and ran, once"
      : `the held DELETE did not run, and all ${left} carts are there`;
  if (left !== 0 && left !== shop.carts) throw new NotAsTold(`${left} of ${shop.carts} carts are left`);
  say(`\n${teller.green("All as told")}: ${ending}.\n`);
  say(bold("Try next"));
  const commands = next({ keep, repository, isAttended, isApproved: left === 0 });
  const width = Math.max(...commands.map(([command]) => command.length));
  for (const [command, what] of commands) say(`  ${command.padEnd(width)}  ${dim(what)}`);
}

function next(about: {
  readonly keep: boolean;
  readonly repository: string;
  readonly isAttended: boolean;
  readonly isApproved: boolean;
}): readonly (readonly [string, string])[] {
  return [
    about.isAttended
      ? ["npm run demo", about.isApproved ? "deny it this time, and see what the job is told" : "approve it this time"]
      : ["npm run demo", "in a terminal: there it is you who answers"],
    about.keep
      ? [`git -C ${about.repository} log --stat countersign/evidence`, "it stays there until you remove it"]
      : ["npm run demo -- --keep", "keep the repository and look around in it"],
    [`node dist/countersign.cjs explain --protocol postgres "TRUNCATE t"`, "what a command would do"],
    ["node dist/countersign.cjs run --help", "your own job, database and policy"],
  ];
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { yes: { type: "boolean" }, keep: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  const teller = openTeller(process.stdout, process.env);
  if (values.help === true) {
    teller.say(HELP);
    return 0;
  }
  const interruption = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interruption.abort());
  // Whoever reads our output may stop reading; that must not keep us from cleaning up.
  process.stdout.on("error", () => interruption.abort());
  const undo: Demo["undo"] = [];
  try {
    const { yes = false, keep = false } = values;
    await tell({ yes, keep, teller, interrupted: interruption.signal, undo });
    return 0;
  } catch (error) {
    // What a signal broke elsewhere may be known here before the signal is.
    await soon();
    if (interruption.signal.aborted || error instanceof Interrupted) {
      teller.say(`\n${teller.bold("Interrupted.")} Cleaning up.`);
      return INTERRUPTED;
    }
    const message = error instanceof NotAsTold ? error.message : error instanceof Error ? error.stack : String(error);
    process.stderr.write(`\n${teller.red("Not as told")}: ${message}\n`);
    return 1;
  } finally {
    // oxlint-disable-next-line no-await-in-loop -- in this order: what is inside is ended before its folder goes
    for (const each of undo.toReversed()) await each();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nSee: npm run demo -- --help\n`);
  process.exitCode = 2;
}
