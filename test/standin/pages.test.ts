import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containing } from "./containing.ts";
import { startTown, type Town } from "./town.ts";

describe("the stand-in in a browser", () => {
  let town: Town;
  let page: string;
  beforeAll(async () => {
    town = await startTown({ withPages: true });
    const { data } = await town.octokit.rest.checks.create({
      ...town.at,
      name: "held <b>",
      head_sha: town.head,
      conclusion: "action_required",
      output: { title: "A command", summary: "**waits** <script>alert(1)</script>" },
      actions: [{ label: "Approve once", description: "Once", identifier: "approve" }],
    });
    page = data.html_url ?? "";
  });
  afterAll(async () => {
    await town.close();
  });
  const seenAs = async (login: string): Promise<string> => await (await fetch(`${page}?as=${login}`)).text();
  const press = async (login: string, origin: string): Promise<Response> =>
    await fetch(`${page}?as=${login}&press=Approve+once`, { method: "POST", headers: { origin }, redirect: "manual" });

  it("lists the checks, shows their Markdown, and no HTML of theirs", async () => {
    expect(await (await fetch(`${town.standin.origin}/`)).text()).toContain("held &lt;b&gt;</a> action_required");
    const text = await seenAs("eve");
    expect(text).toContain("<strong>waits</strong> &lt;script&gt;");
    expect(text).not.toContain("<button>");
  });

  it("has buttons for whoever may press them, which another site's page may not", async () => {
    expect(await seenAs("ada")).toContain("<button>Approve once</button>");
    const requested = (): number =>
      town.receiver.received.filter(({ text }) => text.includes('"action":"requested_action"')).length;
    await press("ada", "http://elsewhere.example");
    await town.standin.hooks.settled();
    expect(requested()).toBe(0);
    expect((await press("ada", town.standin.origin)).status).toBe(303);
    await town.standin.hooks.settled();
    expect(requested()).toBe(1);
    expect(town.standin.takeViolations()).toEqual([containing("GitHub has no POST")]);
  });
});
