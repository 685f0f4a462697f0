import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startTown, type Town } from "../standin/town.ts";
import { type GitHubSide, sideOf } from "./github.ts";
import { play, printed, start, workflowOf } from "./play.ts";
import { runJob } from "./run.ts";

describe("a job of the stand-in's", () => {
  let town: Town;
  beforeAll(async () => {
    town = await startTown();
  });
  afterAll(async () => {
    await town.close();
  });
  const side = (): GitHubSide => {
    const { standin, shop, head, people } = town;
    return sideOf(standin, standin.job(standin.run({ repository: shop, headSha: head, actor: people.ada })));
  };
  const ask = (path: string, method = "GET"): string =>
    `curl -s -o answer -w "%{http_code}\\n" -X ${method} -H "Authorization: Bearer $TOKEN" "$GITHUB_API_URL${path}"`;
  const withToken = (command: string): string =>
    `- run: |\n    ${command}\n  id: ask\n  env:\n    TOKEN: \${{ secrets.GITHUB_TOKEN }}\n`;

  it("has a token for its repository that may do what its permissions say and ends with the job", async () => {
    const reading = await play(workflowOf(withToken(ask("/repos/acme/shop"))), { github: side() });
    expect(printed(reading, "ask")).toEqual(["200"]);
    const github = side();
    const tokens: string[] = [];
    await play(workflowOf("- run: exit 0\n", "permissions: { checks: write, id-token: write }"), {
      github: {
        ...github,
        token(permissions) {
          expect(permissions).toEqual({ metadata: "read", checks: "write" });
          tokens.push(github.token(permissions));
          return tokens.at(-1) ?? "";
        },
      },
    });
    const after = await fetch(`${github.apiUrl}/repos/acme/shop`, {
      headers: { authorization: `Bearer ${tokens[0]}` },
    });
    expect(after.status).toBe(401);
  });

  it("gets an id token that names it, and only with the permission", async () => {
    const command =
      'curl -s -H "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=us" > "$RUNNER_TEMP/token"; echo "${{ job.check_run_id }}"; cat "$RUNNER_TEMP/token"';
    const github = side();
    const result = await play(workflowOf(`- run: |\n    ${command}\n  id: ask\n`, "permissions:\n  id-token: write"), {
      github,
    });
    const [checkRunId, answer = ""] = printed(result, "ask");
    expect(checkRunId).toBe(github.checkRunId);
    const token = /"value":"([^"]+)"/.exec(answer)?.[1] ?? "";
    expect(decodeJwt(token)).toMatchObject({ aud: "us", check_run_id: github.checkRunId, run_id: github.run.id });
  });

  it("checks out its commit, whose local actions can then be used, and keeps no credentials that it should not", async () => {
    const body = `
- uses: actions/checkout@v5
  with:
    persist-credentials: false
- run: git log -1 --format=%H; cat README.md; git config --get-regexp extraheader || echo none
  id: look
`;
    const result = await play(workflowOf(body), { github: side() });
    expect(printed(result, "look")).toEqual([town.head, "# shop", "none"]);
  });

  it("has neither secrets nor an id token nor a writing token for a pull request from a fork", async () => {
    const event = {
      pull_request: {
        number: 7,
        head: { ref: "topic", repo: { full_name: "eve/shop" } },
        base: { ref: "main", repo: { full_name: "acme/shop" } },
      },
    };
    const command = 'echo "[$WORD] [$ACTIONS_ID_TOKEN_REQUEST_URL] $GITHUB_REF $GITHUB_HEAD_REF $GITHUB_BASE_REF"';
    const text = workflowOf(
      `- run: ${command}\n  id: say\n  env:\n    WORD: \${{ secrets.WORD }}\n`,
      "permissions: { contents: write, id-token: write }",
    );
    const github = side();
    const result = await play(text, {
      secrets: { WORD: "hush" },
      event,
      github: {
        ...github,
        token(permissions) {
          expect(permissions).toEqual({ metadata: "read", contents: "read" });
          return github.token(permissions);
        },
      },
    });
    expect(printed(result, "say")).toEqual(["[] [] refs/pull/7/merge topic main"]);
  });

  it("has its check completed with its conclusion", async () => {
    const { standin, shop, head, people } = town;
    const job = standin.job(standin.run({ repository: shop, headSha: head, actor: people.ada }));
    await play(workflowOf("- run: exit 1\n"), { github: sideOf(standin, job) });
    expect(job.checkRun).toMatchObject({ status: "completed", conclusion: "failure" });
  });
});

describe("a job that another asks for", () => {
  const folder = mkdtempSync(join(tmpdir(), "workflows-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const called = join(folder, "called.yml");
  const uses = "acme/flows/.github/workflows/called.yml@0123456789012345678901234567890123456789";
  const caller = (permissions: string): string =>
    `on: push\njobs:\n  work:\n    uses: ${uses}\n    permissions: ${permissions}\n    with:\n      where: there\n    secrets:\n      WORD: \${{ secrets.OTHER }}\n`;

  it("runs with what its caller hands on, and with no permission that its caller has not", async () => {
    const inner = workflowOf(
      '- run: test -n "$WORD" && echo "${{ inputs.where }} ${{ inputs.how }} [${{ secrets.OTHER }}]"\n  id: say\n  env:\n    WORD: ${{ secrets.WORD }}\n',
      "permissions: { contents: read }",
    ).replace(
      "on: push",
      "on:\n  workflow_call:\n    inputs:\n      where: { type: string }\n      how: { type: string, default: so }",
    );
    writeFileSync(called, inner);
    const options = { secrets: { OTHER: "hush" }, workflows: { [uses]: called } };
    const result = await play(caller("{ contents: read }"), options);
    expect(printed(result, "say")).toEqual(["there so []"]);
    await expect(async () => await play(caller("{}"), options)).rejects.toThrow('asks for "contents: read"');
  });

  it("is skipped where its own condition does not hold, as after one that failed", async () => {
    const text = workflowOf("- run: echo no\n", "needs: build");
    const needs = { build: { result: "failure", outputs: {} } };
    expect((await play(text, { needs })).conclusion).toBe("skipped");
    const anyway = await play(workflowOf('- run: echo "${{ needs.build.result }}"\n  id: say\n', "if: always()"), {
      needs,
    });
    expect(printed(anyway, "say")).toEqual(["failure"]);
  });
});

describe("the command", () => {
  it("shows a job's log in the terminal and ends as the job did", () => {
    const folder = mkdtempSync(join(tmpdir(), "workflows-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "deploy.yml");
    writeFileSync(path, workflowOf('- run: echo "word ${{ secrets.WORD }}"; exit 2\n'));
    const main = join(import.meta.dirname, "main.ts");
    const done = spawnSync(process.execPath, [main, path, "--secret", "WORD=hush"], { encoding: "utf8" });
    expect(done.stdout).toContain("word ***\n");
    expect(done.stdout).not.toContain("hush");
    expect(done.stdout).toContain("work: failure");
    expect(done.status).toBe(1);
  });
});

describe("what a job has of a test", () => {
  it("is told before it is asked for: its folders and its id", async () => {
    const text = workflowOf('- run: echo "$RUNNER_TRACKING_ID $PWD"\n  id: say\n');
    const handle = start(text);
    const result = await handle.result;
    expect(printed(result, "say")).toEqual([`${handle.trackingId} ${handle.folders.workspace}`]);
    const other = await runJob({ workflow: "test.yml", text });
    await other.close();
    expect(other.trackingId).not.toBe(handle.trackingId);
    expect(existsSync(other.folders.home)).toBe(false);
  });
});
