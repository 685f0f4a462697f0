/** A session with one request on a pull request, people around it, and what they may say, as GitHub would tell it. */
import { type Count, countAnswers, type Listed, type SessionFacts } from "../../src/approval/count.ts";
import type { PersonFacts, RunFacts } from "../../src/approval/eligibility.ts";
import { buttonOf, type Word } from "../../src/approval/words.ts";

/** Ada, Bo and Cy may answer; Maria started the run; Rae may only read. */
export const ADA = 101;
export const BO = 102;
export const CY = 103;
export const MARIA = 201;
export const RAE = 301;
export const DBA = 9001;

export const HEAD = "3f9a2c1d0b7e4a6f8c5d2e1b9a7c6f4e3d2c1b0a";
export const OTHER_COMMIT = "ffffffffffffffffffffffffffffffffffffffff";
export const REQUEST = "7Q2M9XK4ZT";
export const CODE = "H8KQ2-0VXM7";
export const WRONG_CODE = "00000-00000";
export const LISTED_MS = 1000;
export const DEADLINE_MS = 10_000;

export function person(changes: Partial<PersonFacts> = {}): PersonFacts {
  const id = changes.id ?? ADA;
  return {
    id,
    login: `u${id}`,
    type: "User",
    permission: "write",
    affiliation: "member",
    teams: new Map(),
    ...changes,
  };
}

export function run(changes: Partial<RunFacts> = {}): RunFacts {
  return {
    actor: MARIA,
    triggeringActor: MARIA,
    sender: MARIA,
    pullRequestAuthor: MARIA,
    committers: [MARIA],
    ...changes,
  };
}

export function listed(changes: Partial<Listed> = {}): Listed {
  return {
    request: REQUEST,
    digest: "digest-of-it",
    code: CODE,
    count: 1,
    listedAtMs: LISTED_MS,
    isShownWhole: true,
    deadlineMs: DEADLINE_MS,
    via: new Set(["check", "comment", "review", "page", "terminal"] as const),
    electorate: { users: [], teams: [] },
    place: {
      app: 7,
      installation: 70,
      repository: 700,
      isPublic: false,
      checkRun: 7000,
      externalId: "session-1",
      headSha: HEAD,
      thread: 12,
      pullRequest: { number: 12, baseRef: "main", baseSha: "base" },
    },
    ended: undefined,
    ...changes,
  };
}

export function session(words: readonly Word[], changes: Partial<SessionFacts> = {}): SessionFacts {
  return {
    requests: [listed()],
    words,
    people: new Map(
      [
        person(),
        person({ id: BO }),
        person({ id: CY }),
        person({ id: MARIA }),
        person({ id: RAE, permission: "read" }),
      ].map((each) => [each.id, each]),
    ),
    run: run(),
    repository: { id: 700, isPublic: false },
    pullRequest: { number: 12, baseRef: "main", baseSha: "base" },
    nowMs: 5000,
    ...changes,
  };
}

type Of<Kind extends Word["kind"]> = Extract<Word, { readonly kind: Kind }>;

export function button(
  word: "approve" | "refuse",
  by: number,
  atMs: number,
  changes: Partial<Of<"button">> = {},
): Of<"button"> {
  return {
    kind: "button",
    key: `button ${word} ${by} ${atMs}`,
    by,
    atMs,
    through: "themselves",
    app: 7,
    installation: 70,
    repository: 700,
    checkRun: 7000,
    externalId: "session-1",
    headSha: HEAD,
    identifier: buttonOf(word, REQUEST),
    ...changes,
  };
}

export function direct(
  word: "approve" | "refuse",
  by: number,
  atMs: number,
  changes: Partial<Of<"direct">> = {},
): Of<"direct"> {
  return {
    kind: "direct",
    key: `direct ${word} ${by} ${atMs}`,
    by,
    atMs,
    through: "themselves",
    via: "page",
    word,
    request: REQUEST,
    digest: "digest-of-it",
    ...changes,
  };
}

export function comment(body: string, by: number, atMs: number, changes: Partial<Of<"comment">> = {}): Of<"comment"> {
  return {
    kind: "comment",
    key: `comment ${by} ${atMs} ${body}`,
    by,
    atMs,
    through: "themselves",
    repository: 700,
    thread: 12,
    body,
    stage: "created",
    ...changes,
  };
}

export function review(
  state: Of<"review">["state"],
  by: number,
  atMs: number,
  changes: Partial<Of<"review">> = {},
): Of<"review"> {
  return {
    kind: "review",
    key: `review ${by} ${atMs}`,
    by,
    atMs,
    through: "themselves",
    repository: 700,
    pullRequest: 12,
    commit: HEAD,
    state,
    ...changes,
  };
}

export const APPROVE = `/countersign approve ${CODE}`;
export const DENY = `/countersign deny ${CODE}`;

/** What the words on `request` add up to. Throws for a request that the session does not have. */
export function countOf(facts: SessionFacts, request: string): Count {
  const count = countAnswers(facts).requests.get(request);
  if (count === undefined) throw new Error(`no count of ${request}`);
  return count;
}
