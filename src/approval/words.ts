/**
 * What people say on the surfaces, as read from where they said it: a button, a page, a comment, a review.
 *
 * A word is no answer yet; `count.ts` says which are. The same word may be read often, in any order and at several stages
 * of its life, and `settleWords` makes one list of them all the same.
 */
import type { Surface } from "../model/decision.ts";

/** Where a word was said: DESIGN.md 7's surfaces, and the countersigner's own page and terminal. */
export type Via = Surface | "page" | "terminal";

interface Said {
  /** What the word is known by wherever it is read: GitHub's node id, or the id of the one delivery that told of it. */
  readonly key: string;
  /** Who said it, by GitHub's numeric id. */
  readonly by: number;
  /** Milliseconds since 1970, by GitHub's clock where GitHub says when, else by the countersigner's at receipt. */
  readonly atMs: number;
  /** `app` where GitHub says that an App spoke in the person's name. */
  readonly through: "themselves" | "app" | "unknown";
}

/** A button of a check run. All of it is GitHub's own, and all of it must be that of the request's check. */
interface Button extends Said {
  readonly kind: "button";
  readonly app: number;
  readonly installation: number;
  readonly repository: number;
  readonly checkRun: number;
  readonly externalId: string;
  readonly headSha: string;
  /** `requested_action.identifier`, as `buttonOf` makes them. */
  readonly identifier: string;
}

/** An answer on the countersigner's page or terminal, to a request that it showed. */
interface Direct extends Said {
  readonly kind: "direct";
  readonly via: "page" | "terminal";
  readonly word: "approve" | "refuse";
  readonly request: string;
  /** Of what the person was shown. */
  readonly digest: string;
}

interface Comment extends Said {
  readonly kind: "comment";
  readonly repository: number;
  /** The number of the pull request or issue. */
  readonly thread: number;
  readonly body: string;
  readonly stage: "created" | "edited" | "deleted";
}

interface Review extends Said {
  readonly kind: "review";
  readonly repository: number;
  readonly pullRequest: number;
  /** `commit_id`: what was reviewed. */
  readonly commit: string;
  /** A review that only comments says nothing, and is no word. */
  readonly state: "approved" | "changes requested" | "dismissed";
}

export type Word = Button | Direct | Comment | Review;

/** The name of a button: 20 characters at most, which is GitHub's bound. */
export function buttonOf(word: "approve" | "refuse", request: string): string {
  return `${word}:${request}`;
}

/** What a button's name says; undefined for one that `buttonOf` did not make. */
export function readButton(
  identifier: string,
): { readonly word: "approve" | "refuse"; readonly request: string } | undefined {
  const [, word, request] = /^(approve|refuse):([0-9A-HJKMNP-TV-Z]{10})$/.exec(identifier) ?? [];
  return request === undefined ? undefined : { word: word === "approve" ? "approve" : "refuse", request };
}

/**
 * Each word once, at the last stage that it was seen in, in the order of their times. Law: any order and repetition of
 * `words` gives the same.
 */
export function settleWords(words: readonly Word[]): readonly Word[] {
  const last = new Map<string, Word>();
  for (const word of words) {
    const known = last.get(word.key);
    if (known === undefined || isLater(word, known)) {
      last.set(word.key, word);
    }
  }
  return [...last.values()].toSorted(inTime);
}

/** Of two reviews by one person, whether `one` stands in place of `other`: the later one, or the one that allows less. */
export function replaces(one: Review, other: Review): boolean {
  return (one.atMs - other.atMs || stageOf(one) - stageOf(other) || order(one.key, other.key)) > 0;
}

function isLater(one: Word, other: Word): boolean {
  // Equal stages with other content are no honest reading; then it only matters that the choice has no order in it.
  return (stageOf(one) - stageOf(other) || order(spelled(one), spelled(other))) > 0;
}

// A comment is made, edited, deleted; a review is submitted and dismissed. None goes back.
function stageOf(word: Word): number {
  switch (word.kind) {
    case "button":
    case "direct":
      return 0;
    case "comment":
      return ["created", "edited", "deleted"].indexOf(word.stage);
    case "review":
      return ["approved", "changes requested", "dismissed"].indexOf(word.state);
  }
}

function inTime(one: Word, other: Word): number {
  return one.atMs - other.atMs || order(one.key, other.key);
}

function spelled(word: Word): string {
  return JSON.stringify(Object.entries(word).toSorted(([one], [other]) => order(one, other)));
}

function order(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
