import { readFileSync } from "node:fs";
import nock from "nock";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EVENTS, readHint } from "../../../app/approvals/hint.ts";
import { isObject } from "../../../src/evidence/shape.ts";
import { publishedFile } from "../../standin/contract/published.ts";

interface Example {
  readonly name: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

const examples: readonly Example[] = (
  JSON.parse(readFileSync(publishedFile("@octokit/webhooks-examples/api.github.com/index.json"), "utf8")) as readonly {
    readonly name: string;
    readonly examples: readonly Readonly<Record<string, unknown>>[];
  }[]
).flatMap(({ name, examples: payloads }) => payloads.map((payload) => ({ name, payload })));

// GitHub's own examples; where they are of an App that is not installed, it is here.
function example(name: string, action: string, changes: Readonly<Record<string, unknown>> = {}): Example {
  const found = examples.find((each) => each.name === name && each.payload["action"] === action);
  if (found === undefined) throw new Error(`no example of ${name} ${action}`);
  return { name, payload: { installation: { id: 77 }, ...found.payload, ...changes } };
}

function within(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((at, key) => (isObject(at) ? at[key] : undefined), value);
}

function fieldsIn(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

function read({ name, payload }: Example, appId = 7): ReturnType<typeof readHint> {
  return readHint({ id: "guid", name, payload }, { appId, atMs: 5 });
}

describe("a webhook's hint", () => {
  // Nothing is asked of GitHub while one is read.
  beforeAll(() => nock.disableNetConnect());
  afterAll(() => nock.enableNetConnect());

  it("of a pressed button is who pressed which, and on what, in GitHub's numbers", () => {
    const base = example("check_run", "requested_action");
    const pressed = {
      ...base,
      payload: {
        ...base.payload,
        requested_action: { identifier: "approve:7Q2M9XK4ZT" },
        check_run: { ...fieldsIn(base.payload["check_run"]), external_id: "the session" },
      },
    };
    const app = Number(within(pressed.payload, "check_run", "app", "id"));
    const hint = read(pressed, app);
    expect(hint?.about).toEqual({ kind: "session", sid: "the session" });
    expect(hint?.said).toEqual([
      {
        word: {
          kind: "button",
          key: "guid",
          by: within(pressed.payload, "sender", "id"),
          atMs: 5,
          through: "themselves",
          app,
          installation: within(pressed.payload, "installation", "id"),
          repository: within(pressed.payload, "repository", "id"),
          checkRun: within(pressed.payload, "check_run", "id"),
          externalId: "the session",
          headSha: within(pressed.payload, "check_run", "head_sha"),
          identifier: "approve:7Q2M9XK4ZT",
        },
        login: within(pressed.payload, "sender", "login"),
        type: "User",
        text: "",
        ref: 0,
      },
    ]);
    expect(read(pressed, app + 1)).toBeUndefined();
  });

  it("of Re-run says nothing but to show it again", () => {
    const again = example("check_run", "rerequested");
    const hint = read(again, Number(within(again.payload, "check_run", "app", "id")));
    expect(hint).toMatchObject({ again: true, said: [] });
  });

  it.each([
    ["pull_request_review", "submitted", "thread"],
    ["pull_request_review", "dismissed", "thread"],
    ["pull_request", "synchronize", "thread"],
    ["pull_request", "closed", "thread"],
    ["workflow_run", "completed", "run"],
    ["workflow_job", "completed", "run"],
    ["repository", "publicized", "repository"],
    ["repository", "transferred", "repository"],
    ["installation", "deleted", "installation"],
    ["installation", "suspend", "installation"],
    ["installation_repositories", "removed", "installation"],
  ])("of %s %s says where to look: at its %s, and says no word", (name, action, kind) => {
    const hint = read(example(name, action));
    expect(hint?.about.kind).toBe(kind);
    expect(hint?.said).toEqual([]);
  });

  it("of a comment keeps it as it was at each stage, and of those only what was meant for us", () => {
    const comment = (action: string, body: string, changes: object = {}): Example => {
      const base = example("issue_comment", action);
      const whole = { ...fieldsIn(base.payload["comment"]), body, performed_via_github_app: null };
      return { ...base, payload: { ...base.payload, comment: whole, ...changes } };
    };
    const answer = "/countersign approve 7Q2M9-XK4ZT\nIt is fine.";
    const stages = (each: Example): unknown =>
      read(each)?.said.map(({ word, text }) => [word.kind === "comment" ? word.stage : "", text, word.through]);
    expect(stages(comment("created", answer))).toEqual([["created", "It is fine.", "themselves"]]);
    expect(stages(comment("deleted", answer))).toEqual([["deleted", "It is fine.", "themselves"]]);
    expect(stages(comment("edited", "never mind", { changes: { body: { from: answer } } }))).toEqual([
      ["created", "It is fine.", "themselves"],
      ["edited", "", "themselves"],
    ]);
    expect(read(comment("created", "Looks good."))).toBeUndefined();
  });

  it("is read from every example that GitHub publishes, and from nothing of another form", () => {
    const hints = examples.filter((each) => EVENTS.has(each.name)).map((each) => read(each));
    expect(hints.length).toBeGreaterThan(60);
    for (const { name } of examples) {
      for (const payload of [
        null,
        [],
        "text",
        7,
        {},
        { action: "created" },
        { action: 7, installation: { id: "7" } },
      ]) {
        expect(readHint({ id: "guid", name, payload }, { appId: 7, atMs: 5 })).toBeUndefined();
      }
    }
  });

  it("is none of a reaction, a merge, or an approved deployment", () => {
    const names = new Set(examples.map(({ name }) => name));
    for (const name of ["deployment_review", "deployment_protection_rule", "push", "status", "member", "star"]) {
      for (const each of examples.filter((one) => one.name === name)) expect(read(each)).toBeUndefined();
    }
    expect(names.size).toBeGreaterThan(30);
    expect(read(example("pull_request", "labeled"))).toBeUndefined();
  });
});
