import { expect, it } from "vitest";
import { unanswerableLocally } from "../../src/config/answerable.ts";
import { readPolicy } from "../../src/config/policy-file.ts";

const policyWith = (approval: string) =>
  readPolicy(
    `version: 1\ntargets: { appdb: { protocol: postgres } }\nrules:\n  - name: destructive\n    match: { effects: [delete] }\n    decide: hold\n${approval}`,
    "p.yml",
  );

it.each([
  ["whoever may answer", "", []],
  ["this machine's user by name", "    approval: { from: { users: [ada] } }\n", []],
  ["a team", "    approval: { from: { teams: [dba] } }\n", ["the team dba"]],
  ["two people", "    approval: { count: 2 }\n", ["asks 2 people"]],
  ["somebody else", "    approval: { from: { users: [bob] } }\n", ["asks bob, and you are ada"]],
])("a hold that asks %s", (_name, approval, said) => {
  const issues = unanswerableLocally(policyWith(approval), "ada");
  expect(issues).toHaveLength(said.length);
  for (const [index, each] of said.entries()) expect(issues[index]?.message).toContain(each);
  for (const issue of issues) expect(issue).toMatchObject({ file: "p.yml", line: 4 });
});
