import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hookContract } from "./contract/hooks.ts";
import { publishedFile } from "./contract/published.ts";
import { restContract } from "./contract/rest.ts";
import { listAt, parseJson, shapeAt, shapesAt, textAt } from "./shape.ts";
import { startTown, type Town } from "./town.ts";

describe("the published description", () => {
  const contract = restContract();
  const operation = (method: string, path: string): NonNullable<ReturnType<typeof contract.find>> => {
    const found = contract.find(method, path);
    if (found === undefined) throw new Error(`no ${method} ${path}`);
    return found;
  };

  it("finds the operation that a path means, with slashes in names however they are written", () => {
    const of = (path: string): readonly unknown[] => {
      const { template, path: values } = operation("GET", path);
      return [template, values];
    };
    const ref = "/repos/{owner}/{repo}/git/ref/{ref}";
    expect(of("/repos/a/b/git/ref/heads/x/y")).toEqual([ref, { owner: "a", repo: "b", ref: "heads/x/y" }]);
    expect(of("/repos/a/b/git/ref/heads%2Fx%2Fy")).toEqual([ref, { owner: "a", repo: "b", ref: "heads/x/y" }]);
    expect(of("/repos/a/b/commits/x/y/check-runs")[0]).toBe("/repos/{owner}/{repo}/commits/{ref}/check-runs");
    expect(of("/repos/a/b/issues/comments/1")[0]).toBe("/repos/{owner}/{repo}/issues/comments/{comment_id}");
    expect(of("/repos/a/b/contents/")[0]).toBe("/repos/{owner}/{repo}/contents/{path}");
    expect(contract.find("GET", "/repos/a/b/nothing")).toBeUndefined();
    expect(contract.find("PUT", "/app")).toBeUndefined();
  });

  it("refuses what is missing, too long, of another kind, or unknown", () => {
    const create = operation("POST", "/repos/a/b/check-runs");
    const faults = (body: unknown, query = ""): number =>
      contract.request(create, new URLSearchParams(query), body).length;
    const good = { name: "n", head_sha: "0".repeat(40) };
    expect(faults(good)).toBe(0);
    expect(faults({ ...good, status: "completed", conclusion: "action_required" })).toBe(0);
    expect(faults(undefined)).toBe(1);
    expect(faults({ name: "n" })).toBe(1);
    expect(faults({ ...good, head_sha: 7 })).toBe(1);
    expect(faults({ ...good, conclusion: "maybe" })).toBe(1);
    expect(faults({ ...good, external_ids: "1" })).toBe(1);
    expect(faults({ ...good, output: { title: "t", summary: "x".repeat(65_536) } })).toBe(1);
    expect(faults(good, "per_page=1")).toBe(1);
  });

  it("takes GitHub's own examples of answers, and none that lacks what it promises", () => {
    const document = shapeAt(
      parseJson(readFileSync(publishedFile("@octokit/openapi/generated/api.github.com.json"), "utf8")),
    );
    const example = shapeAt(document, "components", "examples", "check-run-example-of-completed-conclusion", "value");
    const create = operation("POST", "/repos/a/b/check-runs");
    expect(contract.response(create, 201, example)).toEqual([]);
    const { id, ...rest } = example;
    expect(id).toBeDefined();
    expect(contract.response(create, 201, rest)).toHaveLength(1);
    expect(contract.response(create, 204, undefined)).toHaveLength(1);
    expect(contract.response(create, 201, { ...example, conclusion: null })).toEqual([]);
    expect(contract.response(create, 201, { ...example, conclusion: 7 })).toHaveLength(1);
  });

  it("takes GitHub's own examples of webhooks, and none that lacks what it promises", () => {
    const hooks = hookContract();
    const examples = parseJson(
      readFileSync(publishedFile("@octokit/webhooks-examples/api.github.com/index.json"), "utf8"),
    );
    const payloads = listAt({ examples }, "examples")
      .map((each) => shapeAt(each))
      .filter((each) => ["check_run", "issue_comment", "pull_request_review"].includes(textAt(each, "name")))
      .flatMap((each) => shapesAt(each, "examples").map((payload) => [textAt(each, "name"), payload] as const));
    expect(payloads.length).toBeGreaterThan(10);
    const good = payloads.filter(([name, payload]) => hooks.payload(name, payload).length === 0);
    expect(good.length).toBeGreaterThan(0);
    for (const [name, payload] of good) {
      expect(hooks.payload(name, { ...payload, sender: undefined })).toHaveLength(1);
    }
    expect(hooks.payload("check_run", { action: "pressed" })).toEqual(["there is no webhook check-run-pressed"]);
  });
});

describe("what no client of GitHub's should do", () => {
  let town: Town;
  beforeAll(async () => {
    town = await startTown();
  });
  afterAll(async () => {
    await town.close();
  });

  it("is recorded: a route that GitHub has not, one that is not served, and a body that is wrong", async () => {
    await expect(town.octokit.request("GET /repos/acme/shop/secrets-please")).rejects.toMatchObject({ status: 500 });
    await expect(town.octokit.rest.repos.listTags(town.at)).rejects.toMatchObject({ status: 500 });
    await expect(
      town.octokit.request("POST /repos/acme/shop/issues", { title: "t", colour: "red" }),
    ).rejects.toMatchObject({ status: 422 });
    expect(town.standin.takeViolations()).toEqual([
      "GitHub has no GET /repos/acme/shop/secrets-please",
      "the stand-in does not serve GET /repos/{owner}/{repo}/tags",
      "POST /repos/{owner}/{repo}/issues: the body has colour, which POST /repos/{owner}/{repo}/issues does not",
    ]);
  });

  it("is served at an Enterprise Server's addresses as well", async () => {
    const enterprise = town.withToken(town.standin.personalToken(town.people.ada));
    const options = { baseUrl: `${town.standin.origin}/api/v3` };
    const { data } = await enterprise.request("GET /user", options);
    expect(data.login).toBe("ada");
    expect(await enterprise.graphql("{ viewer { login } }", options)).toEqual({ viewer: { login: "ada" } });
    expect(town.standin.violations).toEqual([]);
  });
});
