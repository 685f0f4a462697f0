import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

// Every line of the corpus of attacks on approvals: the tests that show its outcome, or where it belongs. What a shown
// line still lacks is said beside it. Nothing may be in neither place.

interface Case {
  readonly id: string;
  readonly attack: string;
}

const cases = readFileSync("test/corpus/approval.jsonl", "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Case);

const HERE = "test/approval";
const LIVE = "test/live/hold.live.test.ts";
const REGISTER = "test/app/sessions/register.test.ts";
const TOKENS = "test/app/sessions/job-token.test.ts";
const DESK = "test/gateway/desk/server.test.ts";
const WAYS = "test/app/approvals/ways.test.ts";
const WHO = "test/app/approvals/who.test.ts";
const FAULTS = "test/app/approvals/faults.test.ts";
const ASK = "test/app/approvals/ask.test.ts";
const HINT = "test/app/approvals/hint.test.ts";

interface Shown {
  /** Files and titles of tests. */
  readonly by: readonly (readonly [file: string, title: string])[];
  /** What these tests cannot show, and where that belongs; empty when nothing is missing. */
  readonly rest: string;
}

const by = (rest: string, ...tests: readonly (readonly [file: string, title: string])[]): Shown => ({
  by: tests,
  rest,
});

const SHOWN: Readonly<Record<string, Shown>> = {
  "A-01": by(
    "",
    [`${HERE}/lifecycle.test.ts`, "releases nothing of another %s, neither then nor later"],
    [DESK, "takes no answer for a digest that the person was not shown"],
  ),
  "A-02": by("", [LIVE, "keeps what is behind it waiting, and runs all of it in order when it is approved"]),
  "A-05": by("There is no guard on the rows that it really touched.", [
    `${HERE}/display.test.ts`,
    "tells counted from estimated and from not known",
  ]),
  "A-07": by("", [LIVE, "is made again for each execution of a prepared statement, with the same bytes"]),
  "A-08": by("The statements before it are in the record, not in the request.", [
    `${HERE}/display.test.ts`,
    "warns of an open transaction, of an unreadable command and of unknown objects",
  ]),
  "A-09": by(
    "",
    [`${HERE}/lifecycle.test.ts`, "releases nothing of another %s, neither then nor later"],
    [ASK, "is of its own session, policy, target and run, and no other's"],
  ),
  "A-10": by("", [`${HERE}/display.test.ts`, "always names the digest and the bytes that an answer covers"]),
  "A-11": by("Names are shown as they are written.", [
    LIVE,
    "is not previewed where its names may mean other tables than the preview's",
  ]),
  "A-20": by(
    "",
    [REGISTER, "names who ran the job again, which no claim of its token does, and is another session"],
    [`${HERE}/lifecycle.test.ts`, "releases nothing of another %s, neither then nor later"],
    [ASK, "is nothing to another session"],
    [`${HERE}/count.test.ts`, "counts for all requests that were listed before it, and for none after"],
  ),
  "A-21": by(
    "",
    [REGISTER, "names who ran the job again, which no claim of its token does, and is another session"],
    [`${HERE}/lifecycle.test.ts`, "releases nothing of another %s, neither then nor later"],
    [WAYS, "is not waited for when the job has ended"],
  ),
  "A-40": by("", [REGISTER, "gets the policy of the default branch, and not of the pull request's own"]),
  "A-58": by("", [REGISTER, "where the run is a fork's"]),
  "A-110": by("", [REGISTER, "is refused, and ends the first: no head, no credential, no answer any more"]),
  "A-111": by("A token that is used again is the same registration, or contests it: `jti` is not kept.", [
    TOKENS,
    "is believed for five minutes and a minute for clocks",
  ]),
  "A-112": by("", [TOKENS, "is told by its numbers, whatever its `sub` says"]),
  "A-113": by("", [REGISTER, "where the run is a fork's"]),
  "A-114": by(
    "",
    [TOKENS, "signed with the issuer's public key as a shared secret is refused"],
    [TOKENS, "are no other issuer's keys"],
  ),
  "A-22": by(
    "",
    [`${HERE}/lifecycle.test.ts`, "goes as a model of it goes, whatever happens in whatever order"],
    [LIVE, "is made again for each execution of a prepared statement, with the same bytes"],
  ),
  "A-23": by(
    "",
    [`${HERE}/count.test.ts`, "answers the request whose code it has, and no other of the same text"],
    [DESK, "keeps two requests with one text apart: one answer answers one"],
  ),
  "A-24": by(
    "",
    [`${HERE}/count.test.ts`, "stays what it was for a request that ended, and tells who came late"],
    [`${HERE}/lifecycle.test.ts`, "never leaves an end, whatever comes late"],
    [LIVE, "has no effect when it is approved after it was withdrawn"],
  ),
  "A-25": by(
    "issue 4: App: the gateway verifies an answer before it releases.",
    [`${HERE}/lifecycle.test.ts`, "goes as a model of it goes, whatever happens in whatever order"],
    ["test/evidence/approval-statement.test.ts", "is refused from another key, as another predicate"],
  ),
  "A-26": by("", [DESK, "expires by the timer when the clock is set back, and by the clock when it is set on"]),
  "A-27": by("", ["test/gateway/recover.test.ts", "says of each command without an end how far it came"]),
  "A-30": by(
    "No policy can relax it.",
    [`${HERE}/eligibility.test.ts`, "excludes the run's %s, and everybody where it is not known"],
    [`${HERE}/eligibility.test.ts`, "excludes who wrote a commit, and everybody where not all commits could be read"],
  ),
  "A-31": by("", [`${HERE}/eligibility.test.ts`, "excludes the run's %s, and everybody where it is not known"]),
  "A-33": by(
    "",
    [WHO, "is heard only with write permission, not having caused the run, as a person, and is told so"],
    [`${HERE}/eligibility.test.ts`, "excludes permission %s"],
    [`${HERE}/count.test.ts`, "hears nobody who may not answer, to approve or to refuse"],
  ),
  "A-34": by(
    "",
    [
      `${HERE}/lifecycle.test.ts`,
      "releases after a minute only when it was looked at again, and never when that failed",
    ],
    [
      FAULTS,
      "looks again before it hands out an approval that is a minute old, and hands out none that is not one any more",
    ],
  ),
  "A-35": by("", [`${HERE}/eligibility.test.ts`, "includes an outside collaborator only where policy names them"]),
  "A-36": by(
    "",
    [`${HERE}/eligibility.test.ts`, "excludes an account of type %j"],
    [`${HERE}/eligibility.test.ts`, "excludes what was said through: %s"],
  ),
  "A-37": by("", [
    `${HERE}/count.test.ts`,
    "is nothing by a surface that policy does not allow, and something by one that it does",
  ]),
  "A-38": by(
    "",
    [`${HERE}/eligibility.test.ts`, "is those whom policy names, by their numbers and not by their logins"],
    [WHO, "is not who took the login of somebody whom the policy named"],
  ),
  "A-39": by(
    "",
    [`${HERE}/eligibility.test.ts`, "takes a membership that is %s for: %s"],
    [
      `${HERE}/eligibility.test.ts`,
      "is nobody where policy names only who does not exist, not everybody who may write",
    ],
  ),
  "A-41": by("", [`${HERE}/count.test.ts`, "counts distinct people, whatever they spoke by"]),
  "A-45": by("", [HINT, "is none of a reaction, a merge, or an approved deployment"]),
  "A-51": by("", [WAYS, "keeps the comment that counted as it was, whatever becomes of it"]),
  "A-97": by(
    "",
    [WHO, "is not heard through another installation, another repository or another App"],
    [REGISTER, "where the repository has another name now, and where the name is another repository's"],
  ),
  "A-50": by("", [`${HERE}/count.test.ts`, "counts as it was written only: not when it was %s"]),
  "A-52": by(
    "",
    [`${HERE}/code.test.ts`, "is not read where it stands %s, and who wrote it is told how"],
    [`${HERE}/code.test.ts`, "is found in no text that does not begin with the command"],
  ),
  "A-53": by(
    "",
    [`${HERE}/code.test.ts`, "is ten characters that nobody misreads, of 50 random bits"],
    [`${HERE}/count.test.ts`, "silences who guessed five codes, for all requests and surfaces, from the fifth on"],
    [`${HERE}/count.test.ts`, "is a guess also when it was edited after"],
  ),
  "A-54": by(
    "",
    [`${HERE}/count.test.ts`, "is revoked when it is dismissed or followed by one that asks for changes"],
    [`${HERE}/lifecycle.test.ts`, "never leaves an end, whatever comes late"],
  ),
  "A-55": by("", [`${HERE}/count.test.ts`, "is revoked when it is dismissed or followed by one that asks for changes"]),
  "A-56": by(
    "",
    [`${HERE}/count.test.ts`, "does not count when it is %s"],
    [`${HERE}/count.test.ts`, "counts on the request's own check only, by its %s"],
  ),
  "A-57": by("", [`${HERE}/count.test.ts`, "does not count when the pull request is now %j"]),
  "A-59": by(
    "",
    [`${HERE}/code.test.ts`, "has nothing to do with %j"],
    [HINT, "is none of a reaction, a merge, or an approved deployment"],
  ),
  "A-60": by(
    "",
    [`${HERE}/count.test.ts`, "counts on the request's own check only, by its %s"],
    [`${HERE}/count.test.ts`, "named %j is nobody's"],
  ),
  "A-61": by("", [WHO, "shows the same again by Re-run, which answers nothing"]),
  "A-62": by(
    "",
    [`${HERE}/count.test.ts`, "is refused by one refusal among any approvals, also in the same tick"],
    [FAULTS, "counts webhooks in whatever order they come, and a refusal wins that came with an approval"],
  ),
  "A-63": by(
    "Evidence goes where it went; whoever makes a repository public is shown what is in it.",
    [
      `${HERE}/count.test.ts`,
      "is nothing while GitHub does not tell what the repository is, and over when that was made public",
    ],
    [WHO, "is nobody any more when the repository is made public, and nothing said is shown there then"],
  ),
  "A-70": by(
    "",
    [`${HERE}/check-text.test.ts`, "shows head and tail of what is longer than a check, says how much is missing"],
    [`${HERE}/plan-text.test.ts`, "has either every statement whole or no way to approve it, whatever they are"],
    [`${HERE}/count.test.ts`, "cannot be an approval of what was not shown whole, but can be its refusal"],
  ),
  "A-71": by(
    "",
    [`${HERE}/check-text.test.ts`, "keeps the display contract whatever a job, a policy or a target wrote"],
    [`${HERE}/display.test.ts`, "says which word mixes alphabets"],
  ),
  "A-72": by(
    "",
    [`${HERE}/check-text.test.ts`, "keeps the display contract whatever a job, a policy or a target wrote"],
    [`${HERE}/check-text.test.ts`, "renders the same on GitHub whatever it shows"],
  ),
  "A-74": by(
    "",
    ["test/gateway/desk/terminal.test.ts", "brings no control sequence of a job, and no colour where none is wanted"],
    ["test/cli/verify.test.ts", "lets nothing of the evidence steer the terminal"],
  ),
  "A-75": by("", [LIVE, "shows the reviewer masked text and parameters, and how many rows it would touch"]),
  "A-77": by("Comments stand where they were written, under a warning; only a reader of SQL could move them.", [
    `${HERE}/display.test.ts`,
    "says that comments are the job's own words",
  ]),
  "A-78": by("", [
    `${HERE}/display.test.ts`,
    "cuts a name that is really a message to the approver, and says by how much",
  ]),
  "A-79": by("", [
    `${HERE}/display.test.ts`,
    "shows every other character of the text, in order, and folds nothing without a count",
  ]),
  "A-80": by("", ["test/languages/sql/corpus.test.ts", "gives $id the verdict that it must get"]),
  "A-92": by(
    "",
    [
      `${HERE}/count-laws.test.ts`,
      "any order and any repetition of what was read gives the same, at whatever stage it was read",
    ],
    [FAULTS, "takes a doubled webhook once, and one that comes after the end for nothing"],
  ),
  "A-93": by("", [FAULTS, "takes a doubled webhook once, and one that comes after the end for nothing"]),
  "A-94": by(
    "",
    [
      `${HERE}/count-laws.test.ts`,
      "any order and any repetition of what was read gives the same, at whatever stage it was read",
    ],
    [WAYS, "by a review that asks for changes answers nothing, and a dismissed one is revoked"],
  ),
  "A-95": by(
    "",
    [`${HERE}/count.test.ts`, "is expired from the deadline on, whatever was said in time and not counted"],
    [FAULTS, "finds a button whose webhook was lost among the deliveries that failed"],
    [FAULTS, "goes on after a restart in every state of a request"],
  ),
  "A-98": by("", [WHO, "is nobody any more when the App is suspended, and waits for nothing"]),
  "A-120": by(
    "",
    [ASK, "is at most a hundred requests of one repository"],
    [FAULTS, "shows twenty requests on one check, written a few times, and takes no more"],
    [DESK, "is refused as the twenty-first that waits, and welcome when one was answered"],
    [`${HERE}/check-text.test.ts`, "lists the twenty that one job may have waiting"],
  ),
  "A-121": by(
    "The time that people take is in the App's metrics; nothing is refused for it.",
    [`${HERE}/check-text.test.ts`, "lists the twenty that one job may have waiting"],
    [`${HERE}/check-text.test.ts`, "counts how often the same text was asked before"],
  ),
  "A-122": by("", [LIVE, "waits no longer than the policy lets it, and the request says that locks are kept"]),
  "A-123": by("", [DESK, "is refused as the twenty-first that waits, and welcome when one was answered"]),
  "A-124": by(
    "Exit code 75, HTTP 403 and MySQL's error come with those targets.",
    [LIVE, "is cancelled when nobody answers in time"],
    [`${HERE}/count.test.ts`, "is expired from the deadline on, whatever was said in time and not counted"],
  ),
  "A-125": by(
    "",
    [FAULTS, "is lost by nothing of GitHub's: %s"],
    [FAULTS, "expires by the App's clock while GitHub answers nothing, and is shown when it answers again"],
  ),
  "A-126": by(
    "",
    [WAYS, "is not waited for when the job has ended"],
    [WAYS, "comes too late when its gateway took the request back, and the check says so"],
    [`${HERE}/lifecycle.test.ts`, "goes as a model of it goes, whatever happens in whatever order"],
    [LIVE, "is withdrawn when the client leaves"],
  ),
  "A-127": by(
    "",
    [LIVE, "skips to the Sync when it is refused, as the server does"],
    [LIVE, "fails the transaction when it is refused"],
  ),
  "A-128": by(
    "",
    [`${HERE}/plan-text.test.ts`, "has either every statement whole or no way to approve it, whatever they are"],
    ["test/tee/decode.live.test.ts", "keeps a query of many statements as one command with an answer for each"],
  ),
};

/** Not decided by this room, and where it belongs. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "A-03":
    "issue 4: gateway: the connection takes nothing while it is held; a digest of its settings is not in the answer.",
  "A-04": "issue 4: gateway: the bytes go out on the connection that stood when it was asked, or not at all.",
  "A-06": "limit: this version carries PostgreSQL alone, so no command line is wrapped.",
  "A-32": "limit: two accounts of one person are two people here; name a team and ask for two.",
  "A-42": "limit: who has taken over an account answers as its owner; ask for two.",
  "A-43": "limit: people who agree to deceive can; the evidence says who they were.",
  "A-44": "limit: there is no way round an answer, so none can be misused.",
  "A-73": "issue 5: what the Action writes to a job's log.",
  "A-76": "issue 5: the Action knows of secrets that a job registers; masking here takes values out and nothing else.",
  "A-90": "issue 4: App: signatures of webhooks.",
  "A-91": "issue 4: App: it does not start without a good secret.",
  "A-96": "issue 4: App: it answers first and works after.",
  "A-99": "issue 4: App: bounds of a payload.",
  "A-100": "issue 4: App: keys of its own for each purpose.",
  "A-115": "limit: a key that the job's code can read proves that the session goes on, and nothing more.",
};

describe("the attacks on approvals", () => {
  it("are all there, each with an id of its own", () => {
    expect(cases.length).toBe(86);
    expect(new Set(cases.map(({ id }) => id)).size).toBe(cases.length);
  });

  it.each(cases)("$id, $attack: is shown, or it is said where it belongs", ({ id }) => {
    expect(Object.hasOwn(SHOWN, id)).not.toBe(Object.hasOwn(ELSEWHERE, id));
  });

  it("that the tables name are in the corpus", () => {
    const known = new Set(cases.map(({ id }) => id));
    expect([...Object.keys(SHOWN), ...Object.keys(ELSEWHERE)].filter((id) => !known.has(id))).toEqual([]);
  });

  it("that are shown elsewhere are an issue's or a limit, in a sentence", () => {
    for (const why of Object.values(ELSEWHERE)) {
      expect(why).toMatch(/^(?:issue [45](?:: (?:App|gateway))?|limit): .*\.$/);
    }
    for (const { by: tests, rest } of Object.values(SHOWN)) {
      expect(tests.length).toBeGreaterThan(0);
      expect(rest).toMatch(/^(?:.*\.)?$/);
    }
  });

  it.each(Object.values(SHOWN).flatMap((each) => each.by))("are right that %s has a test that %s", (file, title) => {
    expect(existsSync(file)).toBe(true);
    expect(readFileSync(file, "utf8")).toContain(title);
  });
});
