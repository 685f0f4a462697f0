// What people do in a browser, and runners on their machines: nothing that a token could do.

import { userOf } from "./render/account.ts";
import { hookCheckRunOf } from "./render/check-run.ts";
import { endsOf, isPull, type PullIssue, reviewOf, simplePullOf } from "./render/pull.ts";
import { changeComment, newComment, newIssue } from "./routes/issues.ts";
import {
  type Account,
  type CheckRun,
  type Comment,
  type Issue,
  isoOf,
  type Repository,
  type Review,
  type Run,
  reaches,
  roleOf,
  type World,
} from "./world.ts";

export interface People {
  /** The check run's buttons as this person sees them: none before it completed, and none without write access. */
  buttons(check: CheckRun, person: Account): readonly string[];
  /** Presses a button by its label. Throws where the person has no such button. */
  press(check: CheckRun, label: string, person: Account): Promise<void>;
  /** Presses "Re-run" on the check run. */
  rerequest(check: CheckRun, person: Account): Promise<void>;
  openPull(of: {
    readonly repository: Repository;
    readonly head: string;
    readonly author: Account;
    readonly base?: string;
    readonly from?: Repository;
    readonly title?: string;
  }): Promise<PullIssue>;
  openIssue(repository: Repository, author: Account, title: string): Issue;
  comment(issue: Issue, person: Account, body: string): Comment;
  editComment(comment: Comment, person: Account, body: string): void;
  /** Reviews the pull request at its present head, or at `commit`. */
  review(
    pull: PullIssue,
    person: Account,
    what: {
      readonly state: "APPROVED" | "CHANGES_REQUESTED" | "COMMENTED";
      readonly body?: string;
      readonly commit?: string;
    },
  ): Promise<Review>;
  dismiss(review: Review, person: Account): Promise<void>;
  closePull(pull: PullIssue): void;
  /** The run ends: its jobs and it are completed. */
  finish(run: Run, conclusion: "success" | "failure" | "cancelled"): void;
  /** A check run by the number that the API gave it. */
  check(repository: Repository, id: number): CheckRun;
}

/** Announcements carry the person as their sender. */
export function createPeople(world: World): People {
  const mayPress = (check: CheckRun, person: Account): boolean =>
    person.kind === "User" &&
    check.status === "completed" &&
    reaches(roleOf(check.repository, person.login).base, "write");
  return {
    buttons: (check, person) => (mayPress(check, person) ? check.actions.map(({ label }) => label) : []),
    async press(check, label, person) {
      const action = check.actions.find((each) => each.label === label);
      if (action === undefined || !mayPress(check, person)) {
        throw new Error(`${person.login} sees no button "${label}" on check run ${check.id}`);
      }
      const payload = {
        action: "requested_action",
        check_run: await hookCheckRunOf(world, check),
        requested_action: { identifier: action.identifier },
        sender: userOf(world, person),
      };
      world.announce("check_run", check.repository, payload, check.app);
    },
    async rerequest(check, person) {
      const payload = {
        action: "rerequested",
        check_run: await hookCheckRunOf(world, check),
        sender: userOf(world, person),
      };
      world.announce("check_run", check.repository, payload, check.app);
    },
    async openPull({ repository, head, author, base, from, title }) {
      const pull = {
        id: world.nextId(),
        base: base ?? repository.defaultBranch,
        head,
        headRepository: from ?? repository,
        mergedAt: undefined,
        mergeCommit: undefined,
        draft: false,
        reviews: [],
      };
      const draft = { author, via: undefined, title: title ?? head, body: undefined, labels: [], pull };
      const issue = newIssue(world, repository, draft);
      if (!isPull(issue)) throw new TypeError("a pull request is one");
      await endsOf(issue);
      return issue;
    },
    openIssue: (repository, author, title) =>
      newIssue(world, repository, { author, via: undefined, title, body: undefined, labels: [], pull: undefined }),
    comment: (issue, person, body) => newComment(world, issue, { author: person, via: undefined, body }),
    editComment: (comment, person, body) => changeComment(world, comment, body, person),
    async review(issue, person, what) {
      const { head } = await endsOf(issue);
      const review: Review = {
        id: world.nextId(),
        issue,
        author: person,
        body: what.body ?? "",
        state: what.state,
        commit: what.commit ?? head,
        submittedAt: isoOf(world.now()),
      };
      issue.pull.reviews.push(review);
      await announceReview(world, issue, { review, person, action: "submitted" });
      return review;
    },
    async dismiss(review, person) {
      const { issue } = review;
      if (!isPull(issue)) throw new TypeError("only pull requests are reviewed");
      review.state = "DISMISSED";
      await announceReview(world, issue, { review, person, action: "dismissed" });
    },
    closePull(issue) {
      issue.state = "closed";
      issue.closedAt = isoOf(world.now());
    },
    finish(run, conclusion) {
      const now = isoOf(world.now());
      Object.assign(run, { status: "completed", conclusion, updatedAt: now });
      for (const job of run.jobs) {
        Object.assign(job.checkRun, { status: "completed", conclusion, completedAt: now });
      }
    },
    check(repository, id) {
      const check = repository.checkRuns.find((each) => each.id === id);
      if (check === undefined) throw new TypeError(`there is no check run ${id}`);
      return check;
    },
  };
}

interface Reviewed {
  readonly review: Review;
  readonly person: Account;
  readonly action: "submitted" | "dismissed";
}

// A webhook writes a review's state small where the API writes it large.
async function announceReview(world: World, issue: PullIssue, { review, person, action }: Reviewed): Promise<void> {
  world.announce("pull_request_review", issue.repository, {
    action,
    review: { ...reviewOf(world, review), state: review.state.toLowerCase(), updated_at: isoOf(world.now()) },
    pull_request: await simplePullOf(world, issue),
    sender: userOf(world, person),
  });
}
