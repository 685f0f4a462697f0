/**
 * Who may answer a request, by facts read from GitHub at the moment of counting. DESIGN.md 7.
 *
 * It reads nothing itself and trusts no name: people, teams and users are numeric ids, because a login can be given up
 * and taken by somebody else. What GitHub did not tell is `unknown`, and nobody may answer by what is unknown.
 */

/** What GitHub told, or that it did not: refused, gone, too slow, or more than can be read. */
type Known<T> = T | "unknown";

/** A person who said something, as read for this counting; never from a webhook's payload. */
export interface PersonFacts {
  readonly id: number;
  /** For eyes only. */
  readonly login: string;
  /** GitHub's `type`: `User` is a person. */
  readonly type: string;
  /** GitHub's `permission` on the repository, or a built-in `role_name`. */
  readonly permission: Known<string>;
  /**
   * `outside`: a collaborator who is no member of the repository's organisation. `personal`: the repository belongs to a
   * person, and has no members.
   */
  readonly affiliation: Known<"member" | "outside" | "personal">;
  /** The state of the membership by the team's id, for the named teams; no entry where GitHub knows of none. */
  readonly teams: ReadonlyMap<number, Known<"active" | "pending">>;
}

/** One who must not approve this run's commands, `none` where the run has no such one. */
type Part = Known<number | "none">;

/** Who caused the run, by numeric ids. */
export interface RunFacts {
  readonly actor: Part;
  /** Differs from the actor in a re-run. */
  readonly triggeringActor: Part;
  /** Who sent the event: pressed "Run workflow", pushed last. */
  readonly sender: Part;
  readonly pullRequestAuthor: Part;
  /**
   * Authors, committers and co-authors of the pull request's commits, or of the commit of a run on none. A name without
   * an account on GitHub is nobody who could answer, so it is left out. `unknown` when not all commits could be read.
   */
  readonly committers: Known<readonly number[]>;
}

/** Whom policy names, its logins and slugs turned into ids by the caller. */
export interface Electorate {
  /** The id is `unknown` where GitHub knows no such name: it then stands for nobody, and not for everybody. */
  readonly users: readonly Known<number>[];
  readonly teams: readonly Known<number>[];
}

/** Whether a person may answer, and why not or by what right, in a sentence. */
export interface Eligibility {
  readonly may: boolean;
  readonly why: string;
}

const WRITES: ReadonlySet<string> = new Set(["write", "maintain", "admin"]);

/**
 * Whether `person` may answer for `run`. `through` says whether an App spoke in the person's name
 * (`performed_via_github_app`): whoever holds that App's token would then answer.
 */
export function mayAnswer(
  person: PersonFacts,
  through: Known<"themselves" | "app">,
  run: RunFacts,
  electorate: Electorate,
): Eligibility {
  if (person.type !== "User") {
    return no("Only people answer, and this account is none.");
  }
  if (through !== "themselves") {
    return no(
      through === "app"
        ? "An App said this in a person's name; only what people say themselves counts."
        : "GitHub did not tell whether an App said this, so it does not count.",
    );
  }
  return struck(person.id, run) ?? withoutWriting(person) ?? named(person, electorate);
}

const PARTS: readonly (readonly [keyof Omit<RunFacts, "committers">, string, string])[] = [
  ["actor", "who started this run", "started it"],
  ["triggeringActor", "who started this run again", "started it again"],
  ["sender", "who sent the event that started this run", "sent the event that started it"],
  ["pullRequestAuthor", "the pull request's author", "wrote its pull request"],
];

// Struck before counting, whatever policy names them: nobody gives the second pair of eyes for their own work.
function struck(id: number, run: RunFacts): Eligibility | undefined {
  for (const [part, unread, did] of PARTS) {
    if (run[part] === "unknown") {
      return no(`GitHub did not tell ${unread}, so nobody can be told from them.`);
    }
    if (run[part] === id) {
      return no(`Nobody approves what they caused themselves: this person ${did}.`);
    }
  }
  if (run.committers === "unknown") {
    return no("GitHub did not tell who wrote this run's commits, so nobody can be told from them.");
  }
  return run.committers.includes(id)
    ? no("Nobody approves what they caused themselves: this person wrote or committed some of its commits.")
    : undefined;
}

function withoutWriting({ permission }: PersonFacts): Eligibility | undefined {
  if (permission === "unknown") {
    return no("GitHub did not tell this person's permission on the repository, so it does not count.");
  }
  return WRITES.has(permission) ? undefined : no("Only people with write permission on the repository answer.");
}

function named(person: PersonFacts, { users, teams }: Electorate): Eligibility {
  if (users.length === 0 && teams.length === 0) {
    return unnamed(person);
  }
  if (users.includes(person.id)) {
    return { may: true, why: "The policy names this person, who has write permission." };
  }
  const states = teams.map((team) => (team === "unknown" ? "unknown" : person.teams.get(team)));
  if (states.includes("active")) {
    return { may: true, why: "The policy names a team that this person is in, who has write permission." };
  }
  if (states.includes("pending")) {
    return no("This person was invited to a team that the policy names, and has not joined it.");
  }
  return no(
    states.includes("unknown") || users.includes("unknown")
      ? "The policy names others, as far as GitHub told who they are."
      : "The policy names others.",
  );
}

function unnamed({ affiliation }: PersonFacts): Eligibility {
  if (affiliation === "unknown") {
    return no(
      "GitHub did not tell whether this person belongs to the repository's organisation, so it does not count.",
    );
  }
  return affiliation === "outside"
    ? no("An outside collaborator answers only where the policy names them.")
    : { may: true, why: "The policy names nobody, and this person has write permission." };
}

function no(why: string): Eligibility {
  return { may: false, why };
}
