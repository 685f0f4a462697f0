import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containing } from "./containing.ts";
import { startTown, type Town } from "./town.ts";

const run = promisify(execFile);

const CREATE = `mutation ($input: CreateCommitOnBranchInput!) {
  createCommitOnBranch(input: $input) {
    commit { oid url author { name } committer { name } signature { isValid state wasSignedByGitHub } }
    ref { name prefix target { oid } }
  }
}`;

interface Created {
  readonly createCommitOnBranch: {
    readonly commit: { readonly oid: string; readonly signature: { readonly isValid: boolean } };
    readonly ref: { readonly target: { readonly oid: string } };
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function inputOf(expectedHeadOid: string, branchName = "main"): object {
  return {
    branch: { repositoryNameWithOwner: "acme/shop", branchName },
    expectedHeadOid,
    message: { headline: "Add evidence", body: "Of one session" },
    fileChanges: { additions: [{ path: "sessions/2026/one.json", contents: base64('{"one":1}') }] },
  };
}

describe("git on the stand-in", () => {
  let town: Town;
  let folder: string;
  const git = async (...args: string[]): Promise<string> =>
    (await run("git", args, { cwd: folder, env: { ...process.env, GIT_TERMINAL_PROMPT: "0" } })).stdout.trim();
  const tip = async (branch = "main"): Promise<string> =>
    (await town.octokit.rest.git.getRef({ ...town.at, ref: `heads/${branch}` })).data.object.sha;

  beforeAll(async () => {
    town = await startTown();
    folder = mkdtempSync(join(tmpdir(), "countersign-standin-test-"));
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await town.close();
  });

  it("makes verified commits where the head is the expected one, and stock git clones them", async () => {
    const before = await tip();
    const made = await town.octokit.graphql<Created>(CREATE, { input: inputOf(before) });
    const { oid } = made.createCommitOnBranch.commit;
    expect(made).toMatchObject({
      createCommitOnBranch: {
        commit: {
          author: { name: "countersign[bot]" },
          committer: { name: "GitHub" },
          signature: { isValid: true, state: "VALID", wasSignedByGitHub: true },
        },
        ref: { name: "main", prefix: "refs/heads/", target: { oid } },
      },
    });
    expect(await tip()).toBe(oid);
    const { data } = await town.octokit.rest.git.getCommit({ ...town.at, commit_sha: oid });
    expect(data.verification).toMatchObject({ verified: true, reason: "valid" });
    expect(data).toMatchObject({ message: "Add evidence\n\nOf one session", parents: [{ sha: before }] });

    await git("clone", "--quiet", `${town.standin.origin}/acme/shop.git`, "clone");
    expect(await git("-C", "clone", "rev-parse", "HEAD")).toBe(oid);
    await git("-C", "clone", "fsck", "--strict");
    expect(readFileSync(join(folder, "clone/sessions/2026/one.json"), "utf8")).toBe('{"one":1}');
  });

  it("refuses a commit on a head that moved, with GitHub's type, and moves nothing", async () => {
    const before = await tip();
    town.standin.faults.next({ kind: "stale-head", branch: "main" }, { operation: "POST /graphql" });
    await expect(town.octokit.graphql(CREATE, { input: inputOf(before) })).rejects.toMatchObject({
      errors: [
        {
          type: "STALE_DATA",
          path: ["createCommitOnBranch"],
          message: `Expected branch to point to "${before}" but it did not.  Pull and try again.`,
        },
      ],
    });
    const { data } = await town.octokit.rest.repos.compareCommitsWithBasehead({
      ...town.at,
      basehead: `${before}...main`,
    });
    expect(data).toMatchObject({
      status: "ahead",
      ahead_by: 1,
      files: [{ filename: "somebody-else.txt", status: "added" }],
    });
  });

  it("lets exactly one of many commits on the same head through", async () => {
    const before = await tip();
    const all = await Promise.allSettled(
      Array.from({ length: 8 }, async () => await town.octokit.graphql(CREATE, { input: inputOf(before) })),
    );
    expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const { data } = await town.octokit.rest.git.getCommit({ ...town.at, commit_sha: await tip() });
    expect(data.parents.map(({ sha }) => sha)).toEqual([before]);
  });

  it("refuses a branch that is not there, and a token that may not write", async () => {
    const before = await tip();
    await expect(town.octokit.graphql(CREATE, { input: inputOf(before, "nowhere") })).rejects.toMatchObject({
      errors: [{ type: "NOT_FOUND" }],
    });
    const reader = town.withToken(town.standin.jobToken(town.shop, { contents: "read" }));
    await expect(reader.graphql(CREATE, { input: inputOf(before) })).rejects.toMatchObject({
      errors: [{ type: "FORBIDDEN", message: "Resource not accessible by integration" }],
    });
  });

  it("makes an orphan branch from a tree and a parentless commit, once", async () => {
    const { rest } = town.octokit;
    const blob = await rest.git.createBlob({ ...town.at, content: base64("hello"), encoding: "base64" });
    const tree = await rest.git.createTree({
      ...town.at,
      tree: [
        { path: "README.md", mode: "100644", type: "blob", content: "# Evidence\n" },
        { path: "deep/er/file", mode: "100644", type: "blob", sha: blob.data.sha },
      ],
    });
    const commit = await rest.git.createCommit({ ...town.at, message: "Begin", tree: tree.data.sha, parents: [] });
    expect(commit.data.verification.verified).toBe(true);
    const ref = { ...town.at, ref: "refs/heads/countersign/evidence", sha: commit.data.sha };
    await rest.git.createRef(ref);
    await expect(rest.git.createRef(ref)).rejects.toMatchObject({
      status: 422,
      message: containing("Reference already exists"),
    });
    const deep = await rest.git.getTree({ ...town.at, tree_sha: commit.data.sha, recursive: "1" });
    expect(deep.data.tree.map(({ path }) => path)).toEqual(["README.md", "deep", "deep/er", "deep/er/file"]);
    const got = await rest.git.getBlob({ ...town.at, file_sha: blob.data.sha });
    expect(Buffer.from(got.data.content, "base64").toString()).toBe("hello");
  });

  it("does not sign a commit that names somebody else", async () => {
    const { rest } = town.octokit;
    const head = await rest.git.getCommit({ ...town.at, commit_sha: await tip() });
    const { data } = await rest.git.createCommit({
      ...town.at,
      message: "As Ada",
      tree: head.data.tree.sha,
      parents: [head.data.sha],
      author: { name: "Ada", email: "ada@example.com" },
    });
    expect(data.verification).toMatchObject({ verified: false, reason: "unsigned" });
  });

  it("moves a ref only forward unless it is forced", async () => {
    const { rest } = town.octokit;
    await town.standin.commit(town.shop, { branch: "work", files: { a: "1" } });
    const old = await tip("work");
    await town.standin.commit(town.shop, { branch: "work", files: { a: "2" } });
    const back = { ...town.at, ref: "heads/work", sha: old };
    await expect(rest.git.updateRef(back)).rejects.toMatchObject({
      status: 422,
      message: containing("Update is not a fast forward"),
    });
    await rest.git.updateRef({ ...back, force: true });
    expect(await tip("work")).toBe(old);
    await rest.git.deleteRef({ ...town.at, ref: "heads/work" });
    await expect(tip("work")).rejects.toMatchObject({ status: 404 });
  });

  it("swaps several refs at once or none, by GraphQL", async () => {
    const id = (await town.octokit.rest.repos.get(town.at)).data.node_id;
    const head = await tip();
    const swap = async (beforeOid: string): Promise<unknown> =>
      await town.octokit.graphql(
        "mutation ($input: UpdateRefsInput!) { updateRefs(input: $input) { clientMutationId } }",
        {
          input: {
            repositoryId: id,
            refUpdates: [
              { name: "refs/heads/one", beforeOid, afterOid: head },
              { name: "refs/heads/two", beforeOid: "0".repeat(40), afterOid: head },
            ],
          },
        },
      );
    await expect(swap(head)).rejects.toMatchObject({ errors: [{ type: "STALE_DATA" }] });
    await expect(tip("two")).rejects.toMatchObject({ status: 404 });
    await swap("0".repeat(40));
    expect([await tip("one"), await tip("two")]).toEqual([head, head]);
  });

  it("serves files of any commit, and takes new ones where the old one is named", async () => {
    const { rest } = town.octokit;
    const at = { ...town.at, path: ".github/countersign.yml" };
    const first = await rest.repos.createOrUpdateFileContents({ ...at, message: "Add", content: base64("a: 1\n") });
    const sha = first.data.content?.sha ?? "";
    await expect(
      rest.repos.createOrUpdateFileContents({ ...at, message: "Change", content: base64("a: 2\n") }),
    ).rejects.toMatchObject({ status: 422 });
    await expect(
      rest.repos.createOrUpdateFileContents({
        ...at,
        message: "Change",
        content: base64("a: 2\n"),
        sha: "0".repeat(40),
      }),
    ).rejects.toMatchObject({ status: 409 });
    await rest.repos.createOrUpdateFileContents({ ...at, message: "Change", content: base64("a: 2\n"), sha });
    const raw = await rest.repos.getContent({ ...at, mediaType: { format: "raw" } });
    expect(raw.data).toBe("a: 2\n");
    const old = await rest.repos.getContent({ ...at, ref: first.data.commit.sha ?? "" });
    expect(old.data).toMatchObject({ type: "file", sha, encoding: "base64", content: `${base64("a: 1\n")}\n` });
    const inside = await rest.repos.getContent({ ...town.at, path: ".github" });
    expect(inside.data).toMatchObject([{ name: "countersign.yml", type: "file" }]);
    await expect(rest.repos.getContent({ ...town.at, path: "nothing" })).rejects.toMatchObject({ status: 404 });
    await rest.repos.listCommits({ ...town.at, path: ".github/countersign.yml" });
    await rest.repos.getBranch({ ...town.at, branch: "main" });
    const last = await rest.repos.getCommit({ ...town.at, ref: "main" });
    expect(last.data.files?.map(({ filename }) => filename)).toEqual([".github/countersign.yml"]);
  });

  it("answers queries with what is there, and calls out a field that it does not serve", async () => {
    const query = `query ($expression: String!) {
      repository(owner: "acme", name: "shop") {
        databaseId
        defaultBranchRef { name target { ... on Commit { oid messageHeadline } } }
        ref(qualifiedName: "refs/heads/nowhere") { name }
        object(expression: $expression) { ... on Blob { text byteSize } }
      }
    }`;
    expect(await town.octokit.graphql(query, { expression: "main:README.md" })).toMatchObject({
      repository: {
        databaseId: town.shop.id,
        defaultBranchRef: { name: "main" },
        ref: null,
        object: { text: "# shop\n", byteSize: 7 },
      },
    });
    await expect(
      town.octokit.graphql('{ repository(owner: "acme", name: "shop") { stargazerCount } }'),
    ).rejects.toThrow("does not serve Repository.stargazerCount");
    await expect(town.octokit.graphql("{ nothing }")).rejects.toThrow('Cannot query field "nothing"');
    expect(town.standin.takeViolations()).toHaveLength(2);
  });

  it("takes a push from whoever may write, and from nobody else", async () => {
    const remote = (token: string): string =>
      `${town.standin.origin.replace("http://", `http://x-access-token:${token}@`)}/acme/shop.git`;
    const reader = town.standin.jobToken(town.shop, { contents: "read" });
    const writer = town.standin.personalToken(town.people.ada);
    await git("clone", "--quiet", remote(reader), "pushed");
    writeFileSync(join(folder, "pushed/new.txt"), "new\n");
    await git("-C", "pushed", "add", ".");
    await git(
      "-C",
      "pushed",
      "-c",
      "user.name=Ada",
      "-c",
      "user.email=ada@example.com",
      "commit",
      "--quiet",
      "-m",
      "New",
    );
    await expect(git("-C", "pushed", "push", "--quiet", remote(reader), "HEAD:new")).rejects.toThrow("403");
    await expect(
      git("-C", "pushed", "push", "--quiet", `${town.standin.origin}/acme/shop.git`, "HEAD:new"),
    ).rejects.toThrow(/could not read Username|Authentication failed/);
    await git("-C", "pushed", "push", "--quiet", remote(writer), "HEAD:new");
    expect(await tip("new")).toBe(await git("-C", "pushed", "rev-parse", "HEAD"));
  });

  it("keeps a private repository from whoever has no token for it", async () => {
    await town.standin.repository(town.acme, "vault", { isPrivate: true });
    await expect(git("clone", "--quiet", `${town.standin.origin}/acme/vault.git`, "vault")).rejects.toThrow(
      /could not read Username|Authentication failed/,
    );
    const { token } = (
      await town.client.octokit.rest.apps.createInstallationAccessToken({ installation_id: town.installation.id })
    ).data;
    const origin = town.standin.origin.replace("http://", `http://x-access-token:${token}@`);
    await git("clone", "--quiet", `${origin}/acme/vault.git`, "vault");
  });

  it("keeps no objects for a repository without a commit", async () => {
    await town.standin.repository(town.acme, "bare", { empty: true });
    const at = { owner: "acme", repo: "bare" };
    await expect(town.octokit.rest.git.createBlob({ ...at, content: "x" })).rejects.toMatchObject({
      status: 409,
      message: containing("Git Repository is empty."),
    });
    await town.octokit.rest.repos.createOrUpdateFileContents({
      ...at,
      path: "a",
      message: "First",
      content: base64("1"),
    });
    await town.octokit.rest.git.createBlob({ ...at, content: "x" });
  });

  it("hangs files on a release, each name once", async () => {
    const { rest } = town.octokit;
    const draft = await rest.repos.createRelease({ ...town.at, tag_name: "evidence-2026-10", draft: true });
    const upload = {
      ...town.at,
      release_id: draft.data.id,
      url: draft.data.upload_url,
      name: "bundle.tar",
      data: "bytes",
      headers: { "content-type": "application/x-tar" },
    };
    const asset = await rest.repos.uploadReleaseAsset(upload);
    expect(asset.data).toMatchObject({ name: "bundle.tar", size: 5, state: "uploaded" });
    await expect(rest.repos.uploadReleaseAsset(upload)).rejects.toMatchObject({ status: 422 });
    await rest.repos.updateRelease({ ...town.at, release_id: draft.data.id, draft: false });
    const found = await rest.repos.getReleaseByTag({ ...town.at, tag: "evidence-2026-10" });
    expect(found.data.assets).toHaveLength(1);
    const bytes = await rest.repos.getReleaseAsset({
      ...town.at,
      asset_id: asset.data.id,
      headers: { accept: "application/octet-stream" },
    });
    const { data }: { data: unknown } = bytes;
    expect(data instanceof ArrayBuffer ? Buffer.from(data).toString() : data).toBe("bytes");
    expect(await git("ls-remote", "--tags", `${town.standin.origin}/acme/shop.git`)).toContain("evidence-2026-10");
  });
});
