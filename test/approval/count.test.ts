import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Count, countAnswers, type Listed, type SessionFacts } from "../../src/approval/count.ts";
import { beginLife, happen } from "../../src/approval/lifecycle.ts";
import { buttonOf, type Word } from "../../src/approval/words.ts";
import {
  ADA,
  APPROVE,
  BO,
  button,
  CODE,
  CY,
  comment,
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

const ELIGIBLE = [ADA, BO, CY];

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
      expectOutcome(session([], { requests: [listed({ count })] }), "pending");
    }
    expectOutcome(session([button("approve", ADA, 2000)], { requests: [listed({ count: Number.NaN })] }), "pending");
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
      expectOutcome(session([comment(APPROVE, ADA, 2000, { through })]), "pending");
    }
  });

  it("is expired from the deadline on, whatever was said in time and not counted", () => {
    const words = [button("approve", ADA, DEADLINE_MS - 1)];
    expectOutcome(session(words, { nowMs: DEADLINE_MS - 1 }), "approved");
    expectOutcome(session(words, { nowMs: DEADLINE_MS }), "expired");
    expectOutcome(session([button("refuse", ADA, DEADLINE_MS)], { nowMs: DEADLINE_MS }), "expired");
    // A clock here that is behind GitHub's makes no late answer early.
    const { uncounted } = expectOutcome(session([button("approve", ADA, DEADLINE_MS)]), "pending");
    expect(uncounted[0]?.why).toContain("expired before your answer came");
    expectOutcome(session([button("refuse", ADA, 2000)], { nowMs: DEADLINE_MS }), "refused");
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
      expectOutcome(session([word], part), "pending");
    }
    expectOutcome(session([button("refuse", ADA, 2000)], part), "refused");
  });

  it("is nothing while GitHub does not tell what the repository is, and over when that was made public", () => {
    expectOutcome(session([button("approve", ADA, 2000)], { repository: "unknown" }), "pending");
    const { counted } = expectOutcome(
      session([button("approve", ADA, 2000)], { repository: { id: 700, isPublic: true } }),
      "withdrawn",
    );
    expect(counted).toEqual([]);
    expectOutcome(session([button("approve", ADA, 2000)], { repository: { id: 701, isPublic: false } }), "pending");
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
    expectOutcome(facts, "pending");
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
    expectOutcome(session([made]), "approved");
    expectOutcome(session([{ ...made, stage }]), "pending");
    // Nor by a delivery of how it was before.
    expectOutcome(session([{ ...made, stage }, made]), "pending");
  });

  it("counts where the request was shown only", () => {
    expectOutcome(session([comment(APPROVE, ADA, 2000, { thread: 13 })]), "pending");
    expectOutcome(session([comment(APPROVE, ADA, 2000, { repository: 701 })]), "pending");
    const nowhere = listed({ place: { ...listed().place, thread: "none" } });
    expectOutcome(session([comment(APPROVE, ADA, 2000)], { requests: [nowhere] }), "pending");
  });

  it("that was meant to answer and does not is told how, and any other is let be", () => {
    const facts = session([comment(`> ${APPROVE}`, ADA, 2000), comment("nice", BO, 2100)]);
    expect(countAnswers(facts).stray.map(({ why }) => why)).toEqual([expect.stringContaining("whole first line")]);
  });

  it("silences who guessed five codes, for all requests and surfaces, from the fifth on", () => {
    const guesses = [1, 2, 3, 4, 5].map((at) => comment(`/countersign approve ${WRONG_CODE}`, ADA, 2000 + at));
    const four = session([...guesses.slice(0, 4), comment(APPROVE, ADA, 3000)]);
    expectOutcome(four, "approved");
    expectOutcome(session([...four.words, ...four.words, ...four.words]), "approved");
    for (const word of [comment(APPROVE, ADA, 3000), button("approve", ADA, 3000), direct("approve", ADA, 3000)]) {
      const { uncounted } = expectOutcome(session([...guesses, word]), "pending");
      expect(uncounted[0]?.why).toContain("not heard any more");
    }
    expectOutcome(session([...guesses, comment(APPROVE, BO, 3000)]), "approved");
    expectOutcome(session([...guesses, button("approve", ADA, 1500)]), "approved");
    const strays = countAnswers(session(guesses)).stray;
    expect(strays.map(({ why }) => why.startsWith("No request"))).toEqual([true, true, true, true, false]);
  });

  it("is a guess also when it was edited after, or answers a request that ended with another's code", () => {
    const hidden = [1, 2, 3, 4, 5].map((at) =>
      comment(`/countersign approve ${WRONG_CODE}`, ADA, 2000 + at, { stage: "edited" }),
    );
    expectOutcome(session([...hidden, button("approve", ADA, 3000)]), "pending");
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
    expectOutcome(session([word]), "pending");
  });

  it.each([
    { number: 12, baseRef: "release", baseSha: "base" },
    { number: 12, baseRef: "main", baseSha: "moved" },
    "none" as const,
    "unknown" as const,
  ])("does not count when the pull request is now %j", (pullRequest) => {
    expectOutcome(session([review("approved", ADA, 2000)], { pullRequest }), "pending");
    expectOutcome(session([button("approve", ADA, 2000)], { pullRequest }), "approved");
  });

  it("counts for all requests that were listed before it, and for none after", () => {
    const later = listed({ request: "0000000001", code: "11111-11111", listedAtMs: 3000 });
    const second = listed({ request: "0000000002", code: "22222-22222", listedAtMs: 1900 });
    const facts = session([review("approved", ADA, 2000)], { requests: [listed(), later, second] });
    expect(outcomes(facts).map(([, outcome]) => outcome)).toEqual(["approved", "pending", "approved"]);
  });

  it("is revoked when it is dismissed or followed by one that asks for changes, while the request waits", () => {
    const approving = review("approved", ADA, 2000, { key: "one" });
    expectOutcome(session([{ ...approving, state: "dismissed" }]), "pending");
    expectOutcome(session([{ ...approving, state: "dismissed" }, approving]), "pending");
    expectOutcome(session([approving, review("changes requested", ADA, 2500)]), "pending");
    expectOutcome(session([approving, review("changes requested", ADA, 2500, { commit: OTHER_COMMIT })]), "pending");
    expectOutcome(
      session([approving, review("changes requested", ADA, 2500), review("approved", ADA, 3000)]),
      "approved",
    );
    expectOutcome(session([approving, review("changes requested", BO, 2500)]), "approved");
    expectOutcome(session([approving, review("changes requested", ADA, 2000, { key: "a" })]), "pending");
  });

  it("does not take back what the same person said by a button", () => {
    expectOutcome(session([button("approve", ADA, 2000), review("changes requested", ADA, 2500)]), "approved");
  });
});

describe("the laws of counting", () => {
  const by = fc.constantFrom(ADA, ADA, BO, CY, MARIA, RAE);
  // Whole tens, so that words often share a time.
  const time = fc.integer({ min: 90, max: 120 }).map((tens) => tens * 10);
  const request = fc.constantFrom(REQUEST, "0000000001");
  const wordOf = fc.constantFrom("approve" as const, "approve" as const, "refuse" as const);
  const through = fc.constantFrom("themselves" as const, "themselves" as const, "app" as const);
  const code = fc.constantFrom(CODE, "11111-11111", WRONG_CODE);
  const verb = fc.constantFrom("approve", "approve", "deny");
  const made = fc.oneof(
    fc
      .tuple(wordOf, by, time, request, through)
      .map(([word, who, at, of, how]): Word => button(word, who, at, { identifier: buttonOf(word, of), through: how })),
    fc.tuple(verb, code, by, time).map(([says, of, who, at]): Word => comment(`/countersign ${says} ${of}`, who, at)),
    fc
      .tuple(fc.constantFrom("approved" as const, "approved" as const, "changes requested" as const), by, time)
      .map(([state, who, at]): Word => review(state, who, at)),
  );
  const words = fc
    .array(made, { maxLength: 14 })
    .map((all) => all.map((each, at): Word => ({ ...each, key: `${at}` })));
  const requests = fc
    .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 }))
    .map(([first, second]): readonly Listed[] => [
      listed({ count: first, deadlineMs: 1150 }),
      listed({ request: "0000000001", code: "11111-11111", count: second, listedAtMs: 1050, deadlineMs: 1180 }),
    ]);

  it("any order and any repetition of what was read gives the same, at whatever stage it was read", () => {
    const stale = (word: Word): readonly Word[] => {
      if (word.kind === "comment") return [word, { ...word, stage: "edited" }, { ...word, stage: "deleted" }];
      return word.kind === "review" ? [word, { ...word, state: "dismissed" }] : [word];
    };
    const read = words.chain((all) => {
      const every = all.flatMap(stale);
      return fc.subarray(every).chain((some) =>
        fc.record({
          once: fc.constant(some),
          again: fc
            .array(fc.nat(), { maxLength: some.length * 2 })
            .map((picks) => [...some, ...picks.flatMap((pick) => some[pick % Math.max(1, some.length)] ?? [])])
            .chain((more) => fc.shuffledSubarray(more, { minLength: more.length })),
        }),
      );
    });
    fc.assert(
      fc.property(read, requests, fc.integer({ min: 900, max: 1300 }), ({ once, again }, asked, nowMs) => {
        const inOrder = once.toSorted((one, other) => one.atMs - other.atMs);
        const told = countAnswers(session(inOrder, { requests: asked, nowMs }));
        expect(countAnswers(session(again, { requests: asked, nowMs }))).toEqual(told);
      }),
      { numRuns: 500 },
    );
  });

  it("approves only by enough distinct people who may, in time, with none of them refusing", () => {
    fc.assert(
      fc.property(words, requests, fc.integer({ min: 900, max: 1300 }), (said, asked, nowMs) => {
        const { requests: counts } = countAnswers(session(said, { requests: asked, nowMs }));
        for (const one of asked) {
          const { outcome, counted, uncounted } = counts.get(one.request) ?? expect.fail();
          const people = counted.map(({ word }) => word.by);
          expect(people.every((each) => ELIGIBLE.includes(each))).toBe(true);
          expect(new Set(people).size).toBe(people.length);
          expect(counted.every(({ word }) => word.atMs < one.deadlineMs && word.through === "themselves")).toBe(true);
          expect([...counted, ...uncounted].every(({ why }) => /^[A-Z].*\.$/.test(why))).toBe(true);
          if (outcome === "approved") {
            expect(people).toHaveLength(one.count);
            expect(nowMs).toBeLessThan(one.deadlineMs);
          }
          if (outcome === "refused") expect(people).toHaveLength(1);
          if (outcome === "pending") expect(people.length).toBeLessThan(one.count);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("counted at each word in the order of their times, a request ends as when all are counted at once, or sooner", () => {
    fc.assert(
      fc.property(words, requests, (everything, asked) => {
        const nowMs = 1149;
        const said = everything.filter((each) => each.atMs <= nowMs);
        const all = countAnswers(session(said, { requests: asked, nowMs }));
        for (const one of asked) {
          const state = inTime(said, one, asked);
          const outcome = all.requests.get(one.request)?.outcome;
          // To count late is to know more: it may refuse what was approved in time, and never approves more.
          if (outcome === "approved") expect(state).toBe("approved");
          if (state === "refused") expect(outcome).toBe("refused");
          const isPlain = said.every((each) => each.kind === "button" && each.identifier.startsWith("approve"));
          if (isPlain) expect(outcome).toBe(state);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("a request that ended stays ended, in whatever order and however often deliveries make it count", () => {
    fc.assert(
      fc.property(words, requests, fc.array(time), (said, asked, deliveries) => {
        for (const one of asked) {
          let life = beginLife(BOUND, one.deadlineMs);
          let end = "pending";
          for (const atMs of deliveries) {
            const known = said.filter((each) => each.atMs <= atMs);
            const { outcome } = countOf(session(known, { requests: asked, nowMs: atMs }), one.request);
            life = happen(life, { kind: "counted", outcome, atMs }).life;
            expect(end === "pending" || life.state === end).toBe(true);
            end = life.state;
          }
        }
      }),
    );
  });
});

const BOUND = { request: REQUEST, sid: "s", target: "appdb", digest: "d", policy: "p", headSha: "h" };

/** How `one` ends when each word is counted once, as it comes. */
function inTime(said: readonly Word[], one: Listed, asked: readonly Listed[]): string {
  let life = beginLife(BOUND, one.deadlineMs);
  for (const atMs of [...new Set(said.map((each) => each.atMs))].toSorted((a, b) => a - b)) {
    const known = said.filter((each) => each.atMs <= atMs);
    const { outcome } = countOf(session(known, { requests: asked, nowMs: atMs }), one.request);
    life = happen(life, { kind: "counted", outcome, atMs }).life;
  }
  return life.state;
}

function countOf(facts: SessionFacts, request: string): Count {
  return countAnswers(facts).requests.get(request) ?? expect.fail(`no count of ${request}`);
}

function expectOutcome(facts: SessionFacts, outcome: Count["outcome"]): Count {
  const count = countOf(facts, REQUEST);
  expect(count.outcome).toBe(outcome);
  return count;
}

function outcomes(facts: SessionFacts): readonly (readonly [string, string])[] {
  return [...countAnswers(facts).requests].map(([request, { outcome }]) => [request, outcome]);
}
