import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countAnswers, type Listed } from "../../src/approval/count.ts";
import { beginLife, happen } from "../../src/approval/lifecycle.ts";
import { buttonOf, type Word } from "../../src/approval/words.ts";
import {
  ADA,
  BO,
  button,
  CODE,
  CY,
  comment,
  countOf,
  listed,
  MARIA,
  RAE,
  REQUEST,
  review,
  session,
  WRONG_CODE,
} from "./facts.ts";

const ELIGIBLE = [ADA, BO, CY];

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
        const facts = session(said, { requests: asked, nowMs });
        for (const one of asked) {
          const { outcome, counted, uncounted } = countOf(facts, one.request);
          const people = counted.map(({ word }) => word.by);
          expect(people.every((each) => ELIGIBLE.includes(each))).toBe(true);
          expect(new Set(people).size).toBe(people.length);
          expect(counted.every(({ word }) => word.atMs < one.deadlineMs && word.through === "themselves")).toBe(true);
          expect([...counted, ...uncounted].every(({ why }) => /^[A-Z].*\.$/.test(why))).toBe(true);
          const isEnough = people.length === one.count && nowMs < one.deadlineMs;
          const is = { approved: isEnough, refused: people.length === 1, pending: people.length < one.count };
          expect({ ...is, expired: people.length === 0, withdrawn: false }[outcome]).toBe(true);
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
        for (const one of asked) {
          const state = inTime(said, one, asked);
          const { outcome } = countOf(session(said, { requests: asked, nowMs }), one.request);
          // To count late is to know more: it may refuse what was approved in time, and never approves more.
          expect(outcome === "approved" && state !== "approved").toBe(false);
          expect(state === "refused" && outcome !== "refused").toBe(false);
          const isPlain = said.every((each) => each.kind === "button" && each.identifier.startsWith("approve"));
          expect(isPlain && outcome !== state).toBe(false);
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
