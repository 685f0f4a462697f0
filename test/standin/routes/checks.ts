// Check runs. Only an App may write them, and only its own.

import type { Call, Reply, Routes } from "../exchange.ts";
import { counted, found, inPath, inRepository, listed, ok } from "../exchange.ts";
import { invalid, Refusal } from "../refusal.ts";
import { userOf } from "../render/account.ts";
import { checkRunOf, hookCheckRunOf } from "../render/check-run.ts";
import { maybeShape, maybeText, type Shape, shapesAt, textAt } from "../shape.ts";
import { type App, type CheckRun, isoOf, type Repository, type World } from "../world.ts";
import { commitNamed } from "./contents.ts";

export const checkRoutes: Routes = {
  "POST /repos/{owner}/{repo}/check-runs": inRepository("checks", "write", createCheck),
  "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}": inRepository("checks", "write", updateCheck),
  "GET /repos/{owner}/{repo}/check-runs/{check_run_id}": inRepository("checks", "read", async (call) =>
    ok(await checkRunOf(call.world, checkIn(call))),
  ),
  "GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations": inRepository(
    "checks",
    "read",
    async (call) => await listed(call, checkIn(call).output.annotations, (each) => each),
  ),
  "GET /repos/{owner}/{repo}/commits/{ref}/check-runs": inRepository("checks", "read", listForRef),
};

function checkIn(call: Call): CheckRun {
  const id = inPath(call, "check_run_id");
  return found(call.repository().checkRuns.find((each) => String(each.id) === id));
}

function writer(call: Call): App {
  if (call.principal.kind === "installation") return call.principal.installation.app;
  throw new Refusal(403, "You must authenticate via a GitHub App.");
}

async function createCheck(call: Call): Promise<Reply> {
  const { world, body } = call;
  const repository = call.repository();
  const app = writer(call);
  const headSha = textAt(body, "head_sha");
  const commit = /^[0-9a-f]{40}$/.test(headSha) ? await repository.git.commit(headSha) : undefined;
  if (commit === undefined) throw invalid(`No commit found for SHA: ${headSha}`);
  const check = newCheck(world, { repository, app, headSha, name: textAt(body, "name") });
  apply(world, check, body);
  await announceCheck(world, check, "created");
  if (check.status === "completed") await announceCheck(world, check, "completed");
  return { status: 201, body: await checkRunOf(world, check) };
}

/** Puts an empty check run on a commit, in the suite that the App has there. */
export function newCheck(
  world: World,
  of: { readonly repository: Repository; readonly app: App; readonly headSha: string; readonly name: string },
): CheckRun {
  const { repository, app, headSha } = of;
  let suite = repository.suites.find((each) => each.app === app && each.headSha === headSha);
  if (suite === undefined) {
    suite = { id: world.nextId(), app, headSha };
    repository.suites.push(suite);
  }
  const check: CheckRun = {
    id: world.nextId(),
    repository,
    app,
    suite: suite.id,
    headSha,
    name: of.name,
    status: "queued",
    conclusion: undefined,
    detailsUrl: undefined,
    externalId: undefined,
    startedAt: isoOf(world.now()),
    completedAt: undefined,
    output: { title: undefined, summary: undefined, text: undefined, annotations: [] },
    actions: [],
  };
  repository.checkRuns.push(check);
  return check;
}

async function updateCheck(call: Call): Promise<Reply> {
  const check = checkIn(call);
  if (check.app !== writer(call))
    throw new Refusal(
      403,
      `Invalid app_id \`${check.app.id}\` - check run can only be modified by the GitHub App that created it.`,
    );
  const before = check.status;
  apply(call.world, check, call.body);
  if (before !== "completed" && check.status === "completed") await announceCheck(call.world, check, "completed");
  return ok(await checkRunOf(call.world, check));
}

function apply(world: World, check: CheckRun, body: Shape): void {
  const now = isoOf(world.now());
  const conclusion = maybeText(body, "conclusion");
  const status = maybeText(body, "status");
  if (status === "completed" && conclusion === undefined) {
    throw invalid("Validation Failed", ["Conclusion is required when status is completed"]);
  }
  check.name = maybeText(body, "name") ?? check.name;
  check.detailsUrl = maybeText(body, "details_url") ?? check.detailsUrl;
  check.externalId = maybeText(body, "external_id") ?? check.externalId;
  check.startedAt = maybeText(body, "started_at") ?? check.startedAt;
  if (conclusion !== undefined) {
    // A conclusion completes the run, whatever the status says.
    check.status = "completed";
    check.conclusion = conclusion;
    check.completedAt = maybeText(body, "completed_at") ?? now;
  } else if (status !== undefined) {
    check.status = status;
    check.conclusion = undefined;
    check.completedAt = undefined;
  }
  const output = maybeShape(body, "output");
  if (output !== undefined) {
    check.output = {
      title: maybeText(output, "title") ?? check.output.title,
      summary: maybeText(output, "summary") ?? check.output.summary,
      text: maybeText(output, "text") ?? check.output.text,
      // Each request adds to them.
      annotations: [...check.output.annotations, ...shapesAt(output, "annotations").map(annotation)],
    };
  }
  if (Array.isArray(body["actions"])) {
    check.actions = shapesAt(body, "actions").map((action) => ({
      label: textAt(action, "label"),
      description: textAt(action, "description"),
      identifier: textAt(action, "identifier"),
    }));
  }
}

function annotation(given: Shape): Shape {
  const empty = { start_column: null, end_column: null, title: "", raw_details: "", blob_href: "http://127.0.0.1/" };
  return { ...empty, ...given };
}

async function listForRef(call: Call): Promise<Reply> {
  const repository = call.repository();
  const name = inPath(call, "ref");
  const commit = await commitNamed(repository, name);
  if (commit === undefined) throw invalid(`No commit found for SHA: ${name}`);
  const wanted = (key: string): string | undefined => call.query.get(key) ?? undefined;
  const all = repository.checkRuns
    .filter((each) => each.headSha === commit.oid)
    .filter((each) => wanted("check_name") === undefined || each.name === wanted("check_name"))
    .filter((each) => wanted("status") === undefined || each.status === wanted("status"))
    .filter((each) => wanted("app_id") === undefined || String(each.app.id) === wanted("app_id"))
    .toReversed();
  const isLatest = (wanted("filter") ?? "latest") === "latest";
  const shown = isLatest
    ? all.filter((each, at) => all.findIndex((other) => other.name === each.name && other.app === each.app) === at)
    : all;
  return await counted(call, "check_runs", shown, async (each) => await checkRunOf(call.world, each));
}

/** Tells the Apps that listen what became of a check run. */
export async function announceCheck(world: World, check: CheckRun, action: "created" | "completed"): Promise<void> {
  world.announce("check_run", check.repository, {
    action,
    check_run: await hookCheckRunOf(world, check),
    sender: userOf(world, check.app.bot),
  });
}
