// What a policy asks for and would not get. Start-up stops on it: a control that is written down and not enforced is
// worse than none. DESIGN.md 5.
import type { Match, Policy, TargetPolicy } from "../policy/policy.ts";
import type { ConfigIssue } from "./config-error.ts";

/** What policy needs to know of a protocol's controls; `Controls` of `src/protocols` is one. */
export interface EnforcedControls {
  readonly recordCommand: boolean;
  readonly recordResponse: boolean;
  readonly maskRecord: boolean;
  readonly maskDelivery: boolean;
  readonly hold: boolean;
  readonly deny: boolean;
  readonly guard: boolean;
  /** Which of `method`, `path` and `command` it tells of its commands. None where absent. */
  readonly facts?: readonly string[];
}

const COMMAND_FACTS = ["method", "path", "command"] as const;

/**
 * Everything in the policy that the protocols of its targets do not enforce, or that this version does not, with its
 * place. Empty when the policy will be kept. `controlsOf` gives undefined for a protocol that there is not.
 */
export function unenforceable(
  policy: Policy,
  controlsOf: (protocol: string) => EnforcedControls | undefined,
): ConfigIssue[] {
  const targets = [...policy.targets.values()];
  const known = targets.flatMap((target) => {
    const controls = controlsOf(target.protocol);
    return controls === undefined ? [] : [{ target, controls }];
  });
  return [
    ...targets.flatMap((target) => targetIssues(target, policy, controlsOf(target.protocol))),
    ...policy.rules.flatMap((rule) => matchIssues(rule.match, policy.file, known)),
    ...policy.masking.flatMap((rule): ConfigIssue[] => {
      const at = { file: policy.file, ...rule.at };
      switch (rule.kind) {
        case "columns":
          return [];
        case "detect":
          return [{ ...at, message: '"detect" is not enforced by this version; mask by "columns", or remove it.' }];
        case "deliver":
          return [
            { ...at, message: '"deliver" is not enforced by this version: the job gets real values. Remove it.' },
          ];
      }
    }),
  ];
}

function targetIssues(target: TargetPolicy, policy: Policy, controls: EnforcedControls | undefined): ConfigIssue[] {
  const at = (message: string): ConfigIssue => ({ file: policy.file, ...target.at, message });
  if (controls === undefined) {
    return [at(`target ${target.name}: there is no protocol "${target.protocol}" in this version.`)];
  }
  const decides = (kind: string) => policy.rules.some((rule) => rule.decide === kind);
  const asked: readonly (readonly [boolean, boolean, string])[] = [
    [true, controls.recordCommand, "does not record commands; it cannot be a target"],
    // What no rule speaks for is denied, so every policy denies.
    [true, controls.deny, "cannot deny a command; it cannot be a target"],
    [decides("hold"), controls.hold, 'cannot hold a command; remove the rules that "hold", or the target'],
    [policy.masking.length > 0, controls.maskRecord, 'does not mask what is recorded; remove "masking", or the target'],
    [
      target.recordBytesMax > 0,
      controls.recordResponse,
      'does not record responses; write "record: { response: 0B }" to say that you know',
    ],
    [target.guard === "read-only", controls.guard, 'does not enforce "guard: read-only" in this version; remove it'],
    [target.sync, false, 'is not written with fdatasync by this version; remove "sync"'],
  ];
  return asked.flatMap(([wanted, enforced, words]) =>
    wanted && !enforced ? [at(`target ${target.name} (${target.protocol}) ${words}.`)] : [],
  );
}

interface Known {
  readonly target: TargetPolicy;
  readonly controls: EnforcedControls;
}

function matchIssues(match: Match, file: string, known: readonly Known[]): ConfigIssue[] {
  const at = (message: string): ConfigIssue => ({ file, ...match.at, message });
  const when =
    match.when === undefined ? [] : [at('"when" is not enforced by this version; say it with the other keys.')];
  const facts = COMMAND_FACTS.filter((fact) => match[fact] !== undefined)
    .filter((fact) => !known.some(({ controls }) => controls.facts?.includes(fact) ?? false))
    .map((fact) => at(`no target's protocol tells the "${fact}" of a command; remove it.`));
  const inner = [...(match.any ?? []), ...(match.all ?? []), ...(match.not === undefined ? [] : [match.not])];
  return [...when, ...facts, ...inner.flatMap((each) => matchIssues(each, file, known))];
}
