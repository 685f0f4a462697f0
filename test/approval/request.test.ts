import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Ballot,
  castVote,
  expireBallot,
  lifetimeMs,
  openBallot,
  requestId,
  type Vote,
  withdrawBallot,
} from "../../src/approval/request.ts";

const DEADLINE = 1000;

type Step =
  | { readonly kind: "vote"; readonly vote: Vote }
  | { readonly kind: "tick" | "withdraw"; readonly atMs: number };

const time = fc.integer({ min: 0, max: 1500 });
const vote = fc.record({
  word: fc.constantFrom("approve" as const, "refuse" as const),
  login: fc.constantFrom("ada", "Ada", "bo", "cy"),
  via: fc.constantFrom("page", "terminal"),
  reason: fc.constant(""),
  atMs: time,
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: vote.map((each): Step => ({ kind: "vote", vote: each })) },
  { weight: 1, arbitrary: time.map((atMs): Step => ({ kind: "tick", atMs })) },
  { weight: 1, arbitrary: time.map((atMs): Step => ({ kind: "withdraw", atMs })) },
);

function run(ballot: Ballot, { kind, ...rest }: Step): Ballot {
  if (kind === "vote" && "vote" in rest) {
    return castVote(ballot, rest.vote).ballot;
  }
  const atMs = "atMs" in rest ? rest.atMs : 0;
  return kind === "tick" ? expireBallot(ballot, atMs) : withdrawBallot(ballot, atMs);
}

describe("a request for approval", () => {
  it("never changes once it ended, whatever comes after", () => {
    fc.assert(
      fc.property(fc.array(step), fc.integer({ min: 1, max: 3 }), (steps, count) => {
        let ballot = openBallot({ count, deadlineMs: DEADLINE });
        for (const each of steps) {
          const next = run(ballot, each);
          expect(ballot.state === "pending" || next === ballot).toBe(true);
          ballot = next;
        }
      }),
    );
  });

  it("is approved only by enough different people, in time, with nobody refusing", () => {
    fc.assert(
      fc.property(fc.array(step), fc.integer({ min: 1, max: 3 }), (steps, count) => {
        const end = steps.reduce(run, openBallot({ count, deadlineMs: DEADLINE }));
        if (end.state !== "approved") {
          return;
        }
        expect(new Set(end.votes.map((each) => each.login.toLowerCase())).size).toBe(count);
        expect(end.votes).toHaveLength(count);
        expect(end.votes.every((each) => each.word === "approve" && each.atMs < DEADLINE)).toBe(true);
        expect(end.endedAtMs).toBeLessThan(DEADLINE);
      }),
    );
  });

  it("is refused by the first refusal that comes in time", () => {
    fc.assert(
      fc.property(fc.array(step), vote, (steps, last) => {
        const before = steps.reduce(run, openBallot({ count: 5, deadlineMs: DEADLINE }));
        fc.pre(before.state === "pending" && last.atMs < DEADLINE);
        const { ballot } = castVote(before, { ...last, word: "refuse" });
        expect(ballot.state).toBe("refused");
        expect(ballot.votes.at(-1)?.word).toBe("refuse");
      }),
    );
  });

  it("takes no answer at or after its deadline, even before anybody noticed that time was up", () => {
    const open = openBallot({ count: 1, deadlineMs: DEADLINE });
    const late = castVote(open, { word: "approve", login: "ada", via: "page", reason: "", atMs: DEADLINE });
    expect(late.counted).toBe(false);
    expect(late.ballot.state).toBe("expired");
    const inTime = castVote(open, { word: "approve", login: "ada", via: "page", reason: "", atMs: DEADLINE - 1 });
    expect(inTime.ballot.state).toBe("approved");
  });

  it("counts a person once, however the login is spelled", () => {
    const one = castVote(openBallot({ count: 2, deadlineMs: DEADLINE }), by("ada")).ballot;
    expect(castVote(one, by("ADA")).counted).toBe(false);
    expect(castVote(one, by("ADA")).ballot).toBe(one);
    expect(castVote(one, by("bo")).ballot.state).toBe("approved");
  });

  it("is never approved by a count of nobody", () => {
    for (const count of [0, -1, Number.NaN]) {
      expect(openBallot({ count, deadlineMs: DEADLINE }).need).toBeGreaterThanOrEqual(1);
    }
    expect(openBallot({ count: 1.5, deadlineMs: DEADLINE }).need).toBe(2);
  });

  it("waits no longer than policy lets it inside a transaction, and no time at all for a lifetime that is no number", () => {
    const inside = { inTransaction: true, transactionMsMax: 45_000 };
    const outside = { inTransaction: false, transactionMsMax: 45_000 };
    expect(lifetimeMs({ expiresMs: 1_800_000 }, inside)).toBe(45_000);
    expect(lifetimeMs({ expiresMs: 30_000 }, inside)).toBe(30_000);
    expect(lifetimeMs({ expiresMs: 1_800_000 }, outside)).toBe(1_800_000);
    expect(lifetimeMs({ expiresMs: Number.NaN }, outside)).toBe(0);
    expect(lifetimeMs({ expiresMs: -5 }, outside)).toBe(0);
    expect(lifetimeMs({ expiresMs: 1_800_000 }, { inTransaction: true, transactionMsMax: Number.NaN })).toBe(0);
  });
});

describe("a request's name", () => {
  const bytes = fc.uint8Array({ minLength: 7, maxLength: 7 });

  it("is ten characters that nobody misreads", () => {
    fc.assert(
      fc.property(bytes, (random) => {
        expect(requestId(random)).toMatch(/^[0-9A-HJKMNP-TV-Z]{10}$/);
      }),
    );
  });

  it("carries all of 50 random bits", () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 0, max: 49 }), (random, bit) => {
        const other = Uint8Array.from(random);
        const at = 6 - Math.floor(bit / 8);
        other[at] = (other[at] ?? 0) ^ (1 << (bit % 8));
        expect(requestId(other)).not.toBe(requestId(random));
      }),
    );
    expect(requestId(Uint8Array.from([0, 0, 0, 0, 0, 0, 31]))).toBe("000000000Z");
  });

  it("is not made from too little chance", () => {
    expect(() => requestId(new Uint8Array(6))).toThrow(RangeError);
  });
});

function by(login: string): Vote {
  return { word: "approve", login, via: "page", reason: "", atMs: 1 };
}
