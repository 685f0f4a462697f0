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

/** Events of runs that may be of a pull request, which people can review. */
const REVIEWABLE = /^(?:pull_request|push|merge_group)/;

/** Every hold in the policy that nobody could answer through the App in a run that this event started; with its place. */
export function unanswerableByApp(policy: Policy, event: string): ConfigIssue[] {
  return policy.rules.flatMap((rule): ConfigIssue[] => {
    if (rule.decide !== "hold" || REVIEWABLE.test(event) || !rule.approval.via.every((each) => each === "review")) {
      return [];
    }
    const message = `rule "${rule.name}" is answered by a review alone, and a run by ${event} is of no pull request that could be reviewed. Add check or comment to its "via".`;
    return [{ file: policy.file, ...rule.at, message }];
  });
}
