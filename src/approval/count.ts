/**
 * What people's words on the requests of one session add up to, from everything that is known at one moment.
 *
 * A webhook is a hint; this counts what was read again. It is a function of a set: the order and the repetition of words
 * change nothing. What was read too late cannot approve: a refusal, a dismissal or the end of time that is known when
 * it counts wins over an approval that nobody had counted yet. An ended request stays as it ended.
 */
import type { Answer } from "../model/decision.ts";
import { isSameCode, readComment } from "./code.ts";
import { type Electorate, mayAnswer, type PersonFacts, type RunFacts } from "./eligibility.ts";
import { needOf } from "./request.ts";
import { readButton, replaces, settleWords, type Via, type Word } from "./words.ts";

/** A request as it was listed for people, and all that an answer to it is bound to. */
export interface Listed {
  readonly request: string;
  readonly digest: string;
  /** What a comment answers it with. */
  readonly code: string;
  /** How many distinct people must approve. */
  readonly count: number;
  /** When it was first shown whole, by GitHub's clock: a review counts only if it was submitted after that. */
  readonly listedAtMs: number;
  /** `CheckText.shownWhole` holds it. Where it does not, nobody can approve what nobody saw; refusing needs less. */
  readonly isShownWhole: boolean;
  /** The first moment at which an answer comes too late. */
  readonly deadlineMs: number;
  /** The surfaces that policy allows. */
  readonly via: ReadonlySet<Via>;
  readonly electorate: Electorate;
  readonly place: Place;
  /** How it ended, and when, where it did before; it is not counted again then. */
  readonly ended: { readonly answer: Answer; readonly atMs: number } | undefined;
}

/** Where a request is shown, by GitHub's numbers. */
export interface Place {
  readonly app: number;
  readonly installation: number;
  readonly repository: number;
  readonly isPublic: boolean;
  readonly checkRun: number;
  readonly externalId: string;
  /** The commit that the job runs. */
  readonly headSha: string;
  /** The number of the pull request or issue whose comments may answer it; `none` where none may. */
  readonly thread: number | "none";
  readonly pullRequest: PullRequest | "none";
}

/** A pull request and what it asks to be merged into: one commit may be the head of two. */
interface PullRequest {
  readonly number: number;
  readonly baseRef: string;
  readonly baseSha: string;
}

/** Everything that is known of one session's requests at one moment. */
export interface SessionFacts {
  readonly requests: readonly Listed[];
  readonly words: readonly Word[];
  /** Read for this counting. Who is not in it may not answer. */
  readonly people: ReadonlyMap<number, PersonFacts>;
  readonly run: RunFacts;
  readonly repository: { readonly id: number; readonly isPublic: boolean } | "unknown";
  readonly pullRequest: PullRequest | "none" | "unknown";
  /** By the countersigner's clock. */
  readonly nowMs: number;
}

/** A word, and why it counts or does not, in a sentence to answer its sender with. */
interface Judged {
  readonly word: Word;
  readonly why: string;
}

/** What the words on one request add up to. */
export interface Count {
  readonly outcome: "pending" | Answer;
  /** Those who decided it, or who approved so far; one word each, in the order of their times. Empty for nobody's end. */
  readonly counted: readonly Judged[];
  readonly uncounted: readonly Judged[];
}

/** The counts by the request's id, and the words that were meant for a request and belong to none. */
export interface Counts {
  readonly requests: ReadonlyMap<string, Count>;
  readonly stray: readonly Judged[];
}

// five wrong codes are no typing mistake any more.
const WRONG_CODES_MAX = 5;

/** Counts all words on all requests of a session. */
export function countAnswers(facts: SessionFacts): Counts {
  const words = settleWords(facts.words);
  const wrong = new Set(words.filter((word) => isWrongCode(word, facts.requests)));
  const reading: Reading = { facts, words, wrong, silencedFrom: silenced(wrong), latest: latestReviews(words) };
  return {
    requests: new Map(facts.requests.map((listed) => [listed.request, countOne(listed, reading)])),
    stray: strays(reading),
  };
}

interface Reading {
  readonly facts: SessionFacts;
  readonly words: readonly Word[];
  /** Comments with codes that no request of the session has. */
  readonly wrong: ReadonlySet<Word>;
  /** Since when people who guessed at codes are not heard, by their ids. */
  readonly silencedFrom: ReadonlyMap<number, number>;
  /** The review that stands, by `standKey`. */
  readonly latest: ReadonlyMap<string, Review>;
}

type Review = Extract<Word, { readonly kind: "review" }>;
type Heard = Judged & { readonly says: "approve" | "refuse" | "nothing" };

function countOne(listed: Listed, reading: Reading): Count {
  const addressed = reading.words.filter((word) => isAddressed(word, listed));
  const { ended } = listed;
  if (ended !== undefined) {
    const late = addressed.filter((word) => word.atMs > ended.atMs);
    const why = `This request is already ${ended.answer}: your answer had no effect.`;
    return { outcome: ended.answer, counted: [], uncounted: late.map((word) => ({ word, why })) };
  }
  const heard = addressed.map((word) => judge(word, listed, reading));
  const { outcome, counted, whyNot } = outcomeOf(heard, listed, reading.facts);
  return {
    outcome,
    counted: counted.map(({ word, why }) => ({ word, why })),
    uncounted: heard
      .filter((each) => !counted.includes(each))
      .map(({ word, why, says }) => ({ word, why: says === "nothing" ? why : whyNot(word) })),
  };
}

interface Sum {
  readonly outcome: Count["outcome"];
  readonly counted: readonly Heard[];
  readonly whyNot: (word: Word) => string;
}

// In this order: what refuses, what ends it without anybody, and only then what approves.
function outcomeOf(heard: readonly Heard[], listed: Listed, { repository, nowMs }: SessionFacts): Sum {
  const refusal = heard.find((each) => each.says === "refuse");
  if (refusal !== undefined) {
    return { outcome: "refused", counted: [refusal], whyNot: () => "One refusal refuses, and this request has one." };
  }
  if (repository !== "unknown" && repository.isPublic && !listed.place.isPublic) {
    const whyNot = (): string => "The repository was made public while this request waited, which ends it.";
    return { outcome: "withdrawn", counted: [], whyNot };
  }
  if (nowMs >= listed.deadlineMs) {
    const whyNot = (): string => "This request expired before enough answers were counted.";
    return { outcome: "expired", counted: [], whyNot };
  }
  const need = needOf(listed.count);
  const people = new Set<number>();
  const distinct = heard.filter(({ word, says }) => says === "approve" && !people.has(word.by) && people.add(word.by));
  const counted = distinct.slice(0, need);
  const ids = new Set(counted.map(({ word }) => word.by));
  const whyNot = ({ by }: Word): string =>
    ids.has(by) ? "You approved already, and each person counts once." : "Enough others had approved before.";
  return { outcome: counted.length === need ? "approved" : "pending", counted, whyNot };
}

function judge(word: Word, listed: Listed, reading: Reading): Heard {
  const { facts, silencedFrom } = reading;
  const person = facts.people.get(word.by);
  const fault = faultOfPlace(word, listed, reading) ?? faultOfSpeaker(word, listed, silencedFrom);
  if (fault !== undefined) {
    return { word, why: fault, says: "nothing" };
  }
  if (person === undefined) {
    return { word, why: "GitHub did not tell who this person is, so it does not count.", says: "nothing" };
  }
  const { may, why } = mayAnswer(person, word.through, facts.run, listed.electorate);
  const says = saysOf(word);
  if (may && says === "approve" && !listed.isShownWhole) {
    return { word, why: "It did not fit whole where you saw it, so it cannot be approved there.", says: "nothing" };
  }
  return { word, why, says: may ? says : "nothing" };
}

const SILENCED = `${WRONG_CODES_MAX} wrong codes came from this person, who is not heard any more in this session.`;

function faultOfSpeaker(word: Word, listed: Listed, silencedFrom: Reading["silencedFrom"]): string | undefined {
  if (!listed.via.has(viaOf(word))) {
    return `The policy takes no answers by ${viaOf(word)} here.`;
  }
  if (isSilenced(word, silencedFrom)) {
    return SILENCED;
  }
  return word.atMs >= listed.deadlineMs ? "This request expired before your answer came: it had no effect." : undefined;
}

function isSilenced({ by, atMs }: Word, silencedFrom: Reading["silencedFrom"]): boolean {
  return atMs >= (silencedFrom.get(by) ?? Number.POSITIVE_INFINITY);
}

/** Whether the word means this request, rightly or wrongly. */
function isAddressed(word: Word, { request, code, place }: Listed): boolean {
  switch (word.kind) {
    case "button":
      return readButton(word.identifier)?.request === request;
    case "direct":
      return word.request === request;
    case "comment": {
      const said = readComment(word.body);
      return said.kind === "answer" && isSameCode(said.code, code);
    }
    case "review":
      return (
        place.pullRequest !== "none" &&
        word.repository === place.repository &&
        word.pullRequest === place.pullRequest.number
      );
  }
}

/** Why a word is not bound to this request as it must be; undefined when it is. */
function faultOfPlace(word: Word, listed: Listed, { facts, latest }: Reading): string | undefined {
  const { place } = listed;
  if (facts.repository === "unknown") {
    return "GitHub did not tell what this repository is now, so nothing counts.";
  }
  if (facts.repository.id !== place.repository) {
    return "This was said in another repository than the request's.";
  }
  switch (word.kind) {
    case "button":
      return word.app === place.app &&
        word.installation === place.installation &&
        word.repository === place.repository &&
        word.checkRun === place.checkRun &&
        word.externalId === place.externalId &&
        word.headSha === place.headSha
        ? undefined
        : "This button is on another check than the request's.";
    case "direct":
      return word.digest === listed.digest
        ? undefined
        : "This is not the command that you were shown. Nothing was answered; look again.";
    case "comment":
      if (word.repository !== place.repository || word.thread !== place.thread) {
        return "This comment stands elsewhere than where the request was shown.";
      }
      return word.stage === "created" ? undefined : `This comment was ${word.stage}; only what is written new counts.`;
    case "review":
      return faultOfReview(word, listed, facts, latest);
  }
}

function faultOfReview(
  word: Review,
  { place, listedAtMs }: Listed,
  { pullRequest }: SessionFacts,
  latest: Reading["latest"],
): string | undefined {
  if (latest.get(standKey(word)) !== word) {
    return "A later review by this person stands in its place.";
  }
  if (word.state !== "approved") {
    return word.state === "dismissed" ? "This review was dismissed." : "This review asks for changes.";
  }
  if (word.commit !== place.headSha) {
    return "This review is of another commit than the one that runs.";
  }
  // GitHub cuts its times to whole seconds, down: a review that seems later is later.
  if (word.atMs <= listedAtMs) {
    return "This review was submitted before the request was listed, so it cannot be about it.";
  }
  return isSamePullRequest(place.pullRequest, pullRequest)
    ? undefined
    : "The pull request is not what it was, or GitHub did not tell: its base may have changed.";
}

function isSamePullRequest(then: PullRequest | "none", now: PullRequest | "none" | "unknown"): boolean {
  if (then === "none" || now === "none" || now === "unknown") {
    return false;
  }
  return then.number === now.number && then.baseRef === now.baseRef && then.baseSha === now.baseSha;
}

function viaOf(word: Word): Via {
  switch (word.kind) {
    case "button":
      return "check";
    case "direct":
      return word.via;
    case "comment":
    case "review":
      return word.kind;
  }
}

function saysOf(word: Word): "approve" | "refuse" {
  switch (word.kind) {
    case "button":
      return readButton(word.identifier)?.word ?? "refuse";
    case "direct":
      return word.word;
    case "comment": {
      const said = readComment(word.body);
      return said.kind === "answer" ? said.word : "refuse";
    }
    case "review":
      return word.state === "approved" ? "approve" : "refuse";
  }
}

// An edited or deleted comment is no answer, but a guess it was: editing must not make guessing free.
function isWrongCode(word: Word, requests: readonly Listed[]): boolean {
  const said = word.kind === "comment" ? readComment(word.body) : undefined;
  return said?.kind === "answer" && requests.filter(({ code }) => isSameCode(said.code, code)).length === 0;
}

function silenced(wrong: ReadonlySet<Word>): ReadonlyMap<number, number> {
  const guesses = new Map<number, number>();
  const from = new Map<number, number>();
  for (const { by, atMs } of wrong) {
    const count = (guesses.get(by) ?? 0) + 1;
    guesses.set(by, count);
    if (count === WRONG_CODES_MAX) {
      from.set(by, atMs);
    }
  }
  return from;
}

function latestReviews(words: readonly Word[]): ReadonlyMap<string, Review> {
  const latest = new Map<string, Review>();
  for (const word of words) {
    if (word.kind === "review") {
      const known = latest.get(standKey(word));
      if (known === undefined || replaces(word, known)) {
        latest.set(standKey(word), word);
      }
    }
  }
  return latest;
}

function standKey({ repository, pullRequest, by }: Review): string {
  return `${repository}/${pullRequest}/${by}`;
}

function strays({ facts, words, wrong, silencedFrom }: Reading): readonly Judged[] {
  return words.flatMap((word): readonly Judged[] => {
    if (word.kind === "button" || word.kind === "direct") {
      const isAnybodys = facts.requests.some((listed) => isAddressed(word, listed));
      return isAnybodys ? [] : [{ word, why: "No request of this session has this button." }];
    }
    const said = word.kind === "comment" ? readComment(word.body) : undefined;
    if (said?.kind === "malformed") {
      return [{ word, why: said.hint }];
    }
    if (!wrong.has(word)) {
      return [];
    }
    return [{ word, why: isSilenced(word, silencedFrom) ? SILENCED : "No request of this session has this code." }];
  });
}
