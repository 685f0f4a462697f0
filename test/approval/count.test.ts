import { describe, expect, it } from "vitest";
import { type Count, countAnswers, type SessionFacts } from "../../src/approval/count.ts";
import { buttonOf } from "../../src/approval/words.ts";
import {
  ADA,
  APPROVE,
  BO,
  button,
  CY,
  comment,
  countOf,
  DEADLINE_MS,
  DENY,
  direct,
  LISTED_MS,
  listed,
  MARIA,
  OTHER_COMMIT,
  RAE,
  REQUEST,
  review,
  session,
  WRONG_CODE,
} from "./facts.ts";

describe("what people's words add up to", () => {
  it.each([
    ["the button", button("approve", ADA, 2000), "approved"],
    ["a comment with the code", comment(APPROVE, ADA, 2000), "approved"],
    ["a review that approves", review("approved", ADA, 2000), "approved"],
    ["the page", direct("approve", ADA, 2000), "approved"],
    ["the terminal", direct("approve", ADA, 2000, { via: "terminal" }), "approved"],
    ["the other button", button("refuse", ADA, 2000), "refused"],
    ["a comment that denies", comment(DENY, ADA, 2000), "refused"],
    ["the page's other button", direct("refuse", ADA, 2000), "refused"],
    ["a review that asks for changes", review("changes requested", ADA, 2000), "pending"],
  ] as const)("by %s", (_surface, word, outcome) => {
    const { counted } = expectOutcome(session([word]), outcome);
    expect(counted.map((each) => each.word)).toEqual(outcome === "pending" ? [] : [word]);
  });

  it("is nothing by a surface that policy does not allow, and something by one that it does", () => {
    const words = [button("approve", ADA, 2000), comment(APPROVE, BO, 2100), review("approved", CY, 2200)];
    for (const [at, via] of (["check", "comment", "review"] as const).entries()) {
      const only = session(words, { requests: [listed({ via: new Set([via]) })] });
      const { counted, uncounted } = expectOutcome(only, "approved");
      expect(counted.map(({ word }) => word)).toEqual([words[at]]);
      expect(uncounted.map(({ why }) => why)).toEqual(
        (["check", "comment", "review"] as const)
          .filter((each) => each !== via)
          .map((each) => `The policy takes no answers by ${each} here.`),
      );
    }
  });

  it("counts distinct people, whatever they spoke by", () => {
    const two = { requests: [listed({ count: 2 })] };
    const twice = session([button("approve", ADA, 2000), comment(APPROVE, ADA, 2100)], two);
    expect(expectOutcome(twice, "pending").uncounted[0]?.why).toContain("each person counts once");
    const both = session(
      [button("approve", ADA, 2000), comment(APPROVE, ADA, 2100), review("approved", BO, 2200)],
      two,
    );
    expect(expectOutcome(both, "approved").counted.map(({ word }) => word.by)).toEqual([ADA, BO]);
    const more = session([...both.words, button("approve", CY, 2300)], two);
    expect(expectOutcome(more, "approved").uncounted.at(-1)?.why).toContain("Enough others");
  });

  it("is never approved by a count of nobody", () => {
    for (const count of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(outcomeOf(session([], { requests: [listed({ count })] }))).toBe("pending");
    }
    expect(outcomeOf(session([button("approve", ADA, 2000)], { requests: [listed({ count: Number.NaN })] }))).toBe(
      "pending",
    );
  });

  it("is refused by one refusal among any approvals, also in the same tick", () => {
    const words = [button("approve", ADA, 2000), button("approve", BO, 2000), button("refuse", CY, 2000)];
    const { counted, uncounted } = expectOutcome(session(words), "refused");
    expect(counted.map(({ word }) => word.by)).toEqual([CY]);
    expect(uncounted).toHaveLength(2);
    expect(uncounted[0]?.why).toContain("One refusal refuses");
  });

  it("hears nobody who may not answer, to approve or to refuse", () => {
    for (const by of [MARIA, RAE, 999]) {
      const words = [button("refuse", by, 2000), comment(APPROVE, by, 2100), review("approved", by, 2200)];
      const { uncounted } = expectOutcome(session(words), "pending");
      expect(uncounted).toHaveLength(3);
      expect(new Set(uncounted.map(({ why }) => why)).size).toBe(1);
    }
    for (const through of ["app", "unknown"] as const) {
      expect(outcomeOf(session([comment(APPROVE, ADA, 2000, { through })]))).toBe("pending");
    }
  });

  it("is expired from the deadline on, whatever was said in time and not counted", () => {
    const words = [button("approve", ADA, DEADLINE_MS - 1)];
    expect(outcomeOf(session(words, { nowMs: DEADLINE_MS - 1 }))).toBe("approved");
    expect(outcomeOf(session(words, { nowMs: DEADLINE_MS }))).toBe("expired");
    expect(outcomeOf(session([button("refuse", ADA, DEADLINE_MS)], { nowMs: DEADLINE_MS }))).toBe("expired");
    // A clock here that is behind GitHub's makes no late answer early.
    const { uncounted } = expectOutcome(session([button("approve", ADA, DEADLINE_MS)]), "pending");
    expect(uncounted[0]?.why).toContain("expired before your answer came");
    expect(outcomeOf(session([button("refuse", ADA, 2000)], { nowMs: DEADLINE_MS }))).toBe("refused");
  });

  it("stays what it was for a request that ended, and tells who came late", () => {
    const ended = { answer: "refused", atMs: 3000 } as const;
    const words = [button("refuse", BO, 3000), button("approve", ADA, 3500)];
    const { uncounted } = expectOutcome(session(words, { requests: [listed({ ended })] }), "refused");
    expect(uncounted).toEqual([{ word: words[1], why: "This request is already refused: your answer had no effect." }]);
  });

  it("cannot be an approval of what was not shown whole, but can be its refusal", () => {
    const part = { requests: [listed({ isShownWhole: false })] };
    for (const word of [button("approve", ADA, 2000), comment(APPROVE, ADA, 2000), review("approved", ADA, 2000)]) {
      expect(outcomeOf(session([word], part))).toBe("pending");
    }
    expect(outcomeOf(session([button("refuse", ADA, 2000)], part))).toBe("refused");
  });

  it("is nothing while GitHub does not tell what the repository is, and over when that was made public", () => {
    expect(outcomeOf(session([button("approve", ADA, 2000)], { repository: "unknown" }))).toBe("pending");
    const { counted } = expectOutcome(
      session([button("approve", ADA, 2000)], { repository: { id: 700, isPublic: true } }),
      "withdrawn",
    );
    expect(counted).toEqual([]);
    expect(outcomeOf(session([button("approve", ADA, 2000)], { repository: { id: 701, isPublic: false } }))).toBe(
      "pending",
    );
  });
});

describe("a button", () => {
  it.each(["app", "installation", "repository", "checkRun", "externalId", "headSha"] as const)(
    "counts on the request's own check only, by its %s",
    (field) => {
      const own = button("approve", ADA, 2000);
      const foreign = { ...own, [field]: typeof own[field] === "number" ? 1 : "another" };
      const { uncounted } = expectOutcome(session([foreign]), "pending");
      expect(uncounted[0]?.why).toContain("another check");
    },
  );

  it.each([
    "approve",
    "approve:",
    `approve:${REQUEST}x`,
    `Approve:${REQUEST}`,
    `approve:${REQUEST}\n`,
    "",
    "rerequested",
  ])("named %j is nobody's", (identifier) => {
    const facts = session([button("approve", ADA, 2000, { identifier })]);
    expect(outcomeOf(facts)).toBe("pending");
    expect(countAnswers(facts).stray.map(({ why }) => why)).toEqual(["No request of this session has this button."]);
  });

  it("answers the request that it names, and no other of the same text", () => {
    const other = listed({ request: "0000000001", code: "11111-11111" });
    const facts = session([button("approve", ADA, 2000, { identifier: buttonOf("approve", "0000000001") })], {
      requests: [listed(), other],
    });
    expect(outcomes(facts)).toEqual([
      [REQUEST, "pending"],
      ["0000000001", "approved"],
    ]);
  });
});

describe("the page", () => {
  it("answers what the person saw and nothing else", () => {
    const { uncounted } = expectOutcome(session([direct("approve", ADA, 2000, { digest: "another" })]), "pending");
    expect(uncounted[0]?.why).toContain("not the command that you were shown");
  });
});

describe("a comment", () => {
  it("answers the request whose code it has, and no other of the same text", () => {
    const other = listed({ request: "0000000001", code: "11111-11111" });
    const facts = session([comment("/countersign approve 11111-11111", ADA, 2000)], { requests: [listed(), other] });
    expect(outcomes(facts)).toEqual([
      [REQUEST, "pending"],
      ["0000000001", "approved"],
    ]);
  });

  it.each(["edited", "deleted"] as const)("counts as it was written only: not when it was %s", (stage) => {
    const made = comment(APPROVE, ADA, 2000, { key: "one" });
    expect(outcomeOf(session([made]))).toBe("approved");
    expect(outcomeOf(session([{ ...made, stage }]))).toBe("pending");
    // Nor by a delivery of how it was before.
    expect(outcomeOf(session([{ ...made, stage }, made]))).toBe("pending");
  });

  it("counts where the request was shown only", () => {
    expect(outcomeOf(session([comment(APPROVE, ADA, 2000, { thread: 13 })]))).toBe("pending");
    expect(outcomeOf(session([comment(APPROVE, ADA, 2000, { repository: 701 })]))).toBe("pending");
    const nowhere = listed({ place: { ...listed().place, thread: "none" } });
    expect(outcomeOf(session([comment(APPROVE, ADA, 2000)], { requests: [nowhere] }))).toBe("pending");
  });

  it("that was meant to answer and does not is told how, and any other is let be", () => {
    const facts = session([comment(`> ${APPROVE}`, ADA, 2000), comment("nice", BO, 2100)]);
    expect(countAnswers(facts).stray.map(({ why }) => why)).toEqual([expect.stringContaining("whole first line")]);
  });

  it("silences who guessed five codes, for all requests and surfaces, from the fifth on", () => {
    const guesses = [1, 2, 3, 4, 5].map((at) => comment(`/countersign approve ${WRONG_CODE}`, ADA, 2000 + at));
    const four = session([...guesses.slice(0, 4), comment(APPROVE, ADA, 3000)]);
    expect(outcomeOf(four)).toBe("approved");
    expect(outcomeOf(session([...four.words, ...four.words, ...four.words]))).toBe("approved");
    for (const word of [comment(APPROVE, ADA, 3000), button("approve", ADA, 3000), direct("approve", ADA, 3000)]) {
      const { uncounted } = expectOutcome(session([...guesses, word]), "pending");
      expect(uncounted[0]?.why).toContain("not heard any more");
    }
    expect(outcomeOf(session([...guesses, comment(APPROVE, BO, 3000)]))).toBe("approved");
    expect(outcomeOf(session([...guesses, button("approve", ADA, 1500)]))).toBe("approved");
    const strays = countAnswers(session(guesses)).stray;
    expect(strays.map(({ why }) => why.startsWith("No request"))).toEqual([true, true, true, true, false]);
  });

  it("is a guess also when it was edited after, or answers a request that ended with another's code", () => {
    const hidden = [1, 2, 3, 4, 5].map((at) =>
      comment(`/countersign approve ${WRONG_CODE}`, ADA, 2000 + at, { stage: "edited" }),
    );
    expect(outcomeOf(session([...hidden, button("approve", ADA, 3000)]))).toBe("pending");
    const ended = listed({ request: "0000000001", code: "11111-11111", ended: { answer: "approved", atMs: 1500 } });
    const late = [1, 2, 3, 4, 5].map((at) => comment("/countersign approve 11111-11111", ADA, 2000 + at));
    const facts = session([...late, button("approve", ADA, 3000)], { requests: [listed(), ended] });
    expect(outcomes(facts)).toEqual([
      [REQUEST, "approved"],
      ["0000000001", "approved"],
    ]);
  });
});

describe("a review", () => {
  it.each([
    ["before the request was listed", review("approved", ADA, LISTED_MS - 1)],
    ["in the very moment that it was", review("approved", ADA, LISTED_MS)],
    ["of another commit", review("approved", ADA, 2000, { commit: OTHER_COMMIT })],
    ["of another pull request with the same commit", review("approved", ADA, 2000, { pullRequest: 13 })],
    ["in another repository", review("approved", ADA, 2000, { repository: 701 })],
  ])("does not count when it is %s", (_what, word) => {
    expect(outcomeOf(session([word]))).toBe("pending");
  });

  it.each([
    { number: 12, baseRef: "release", baseSha: "base" },
    { number: 12, baseRef: "main", baseSha: "moved" },
    "none" as const,
    "unknown" as const,
  ])("does not count when the pull request is now %j", (pullRequest) => {
    expect(outcomeOf(session([review("approved", ADA, 2000)], { pullRequest }))).toBe("pending");
    expect(outcomeOf(session([button("approve", ADA, 2000)], { pullRequest }))).toBe("approved");
  });

  it("counts for all requests that were listed before it, and for none after", () => {
    const later = listed({ request: "0000000001", code: "11111-11111", listedAtMs: 3000 });
    const second = listed({ request: "0000000002", code: "22222-22222", listedAtMs: 1900 });
    const facts = session([review("approved", ADA, 2000)], { requests: [listed(), later, second] });
    expect(outcomes(facts).map(([, outcome]) => outcome)).toEqual(["approved", "pending", "approved"]);
  });

  it("is revoked when it is dismissed or followed by one that asks for changes, while the request waits", () => {
    const approving = review("approved", ADA, 2000, { key: "one" });
    expect(outcomeOf(session([{ ...approving, state: "dismissed" }]))).toBe("pending");
    expect(outcomeOf(session([{ ...approving, state: "dismissed" }, approving]))).toBe("pending");
    expect(outcomeOf(session([approving, review("changes requested", ADA, 2500)]))).toBe("pending");
    expect(outcomeOf(session([approving, review("changes requested", ADA, 2500, { commit: OTHER_COMMIT })]))).toBe(
      "pending",
    );
    expect(outcomeOf(session([approving, review("changes requested", ADA, 2500), review("approved", ADA, 3000)]))).toBe(
      "approved",
    );
    expect(outcomeOf(session([approving, review("changes requested", BO, 2500)]))).toBe("approved");
    expect(outcomeOf(session([approving, review("changes requested", ADA, 2000, { key: "a" })]))).toBe("pending");
  });

  it("does not take back what the same person said by a button", () => {
    expect(outcomeOf(session([button("approve", ADA, 2000), review("changes requested", ADA, 2500)]))).toBe("approved");
  });
});

function outcomeOf(facts: SessionFacts): Count["outcome"] {
  return countOf(facts, REQUEST).outcome;
}

function expectOutcome(facts: SessionFacts, outcome: Count["outcome"]): Count {
  expect(outcomeOf(facts)).toBe(outcome);
  return countOf(facts, REQUEST);
}

function outcomes(facts: SessionFacts): readonly (readonly [string, string])[] {
  return [...countAnswers(facts).requests].map(([request, { outcome }]) => [request, outcome]);
}
