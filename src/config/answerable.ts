// Whom a policy wants to be asked, and whether a mode can ask them. Local mode has one person: the user of this machine,
// whose page and terminal it is. A policy that names others would be answered by the wrong one, so start-up stops on it.
import type { Policy } from "../policy/policy.ts";
import type { ConfigIssue } from "./config-error.ts";

/** Every hold in the policy that `person`, alone and at this machine, may not answer; with its place. */
export function unanswerableLocally(policy: Policy, person: string): ConfigIssue[] {
  return policy.rules.flatMap((rule): ConfigIssue[] => {
    if (rule.decide !== "hold") return [];
    const { teams, users, count } = rule.approval;
    const why =
      teams.length > 0
        ? `asks the team ${teams.join(", ")}`
        : count > 1
          ? `asks ${count} people`
          : users.length > 0 && !users.includes(person)
            ? `asks ${users.join(", ")}, and you are ${person}`
            : "";
    if (why === "") return [];
    const message = `rule "${rule.name}" ${why}, which local mode cannot do: only this machine's user answers here. Use a policy for local runs.`;
    return [{ file: policy.file, ...rule.at, message }];
  });
}
