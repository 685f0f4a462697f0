import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { BROKEN } from "./broken.ts";

// Every line of the corpus of attacks on evidence, and what shows its outcome: a row of broken.ts, a test, or the reason
// why it is not shown here. Nothing may be in neither place.

interface Case {
  readonly id: string;
  readonly group: string;
  readonly attack: string;
  readonly expect: string;
}

const cases = readFileSync("test/corpus/evidence.jsonl", "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Case);

/** Shown by the test of this title in this file, besides rows of broken.ts or instead of them. */
const SHOWN: Readonly<Record<string, readonly (readonly [file: string, title: string])[]>> = {
  "E-05": [["test/evidence/verify.test.ts", "events cut off behind a countersigned head"]],
  "E-08": [["test/cli/verify.test.ts", "prints both of two checkpoints of one size"]],
  "E-09": [["test/cli/verify.test.ts", "says rolled back of a log shorter than the checkpoint"]],
  "E-14": [["test/cli/verify.test.ts", "warns of a clock that was off, and calls it good"]],
  "E-18": [["test/journal/jcs.test.ts", "a bracket for each byte"]],
  "E-19": [
    ["test/vectors/tlog.test.ts", "published inclusion proofs"],
    ["test/tlog/tree.test.ts", "refuse any change of a consistency proof"],
  ],
  "E-20": [["test/cli/verify.test.ts", "fails when it is older than it may be"]],
  "E-24": [["test/cli/verify.test.ts", "holds sessions to the policies that were given"]],
  "E-25": [["test/cli/verify.test.ts", "follows no link in a folder, opens no device"]],
  "E-26": [
    ["test/evidence/pages.test.ts", "lets nothing of a hostile session out of its fences"],
    ["test/evidence/visible.test.ts", "is no formula in a spreadsheet"],
    ["test/cli/verify.test.ts", "lets nothing of the evidence steer the terminal"],
  ],
  "E-27": [["test/independent/agree.test.ts", "of evidence broken in one way both verifiers name the same checks"]],
  "E-30": [["test/kill/kill.live.test.ts", "let nothing run that its journal did not hold first"]],
  "E-31": [["test/kill/kill.live.test.ts", "let nothing run that its journal did not hold first"]],
  "E-32": [["test/kill/kill.live.test.ts", "let nothing run that its journal did not hold first"]],
  "E-41": [["test/journal/session-log.test.ts", "takes nothing more after a write failed"]],
  "E-52": [["test/gateway/ledger/ledgers.test.ts", "takes sessions of several processes at once, each exactly once"]],
  "E-54": [["test/evidence/verify.test.ts", "another session of the same name is refused"]],
  "E-62": [["test/journal/disclosure.test.ts", "salts every value afresh"]],
  "E-67": [["test/docs.test.ts", "leaves heads and log true, and makes the page false"]],
};

/** Not shown by the verifier, and where it belongs. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "E-33": "the journal of a gateway that is killed: the protocol's own tests and recovery",
  "E-34": "recovery by the next run",
  "E-35": "recovery by the next run",
  "E-37": "the Action: the job's steps",
  "E-40": "the gateway: faults of disks",
  "E-42": "the gateway: faults of disks",
  "E-43": "the gateway: faults of disks",
  "E-44": "the gateway: bounds of memory",
  "E-45": "the App: what GitHub takes",
  "E-50": "the App: publishing",
  "E-51": "the App: publishing",
  "E-53": "the App: publishing",
  "E-55": "the App: countersigning",
  "E-56": "the App: publishing",
  "E-60": "masking",
  "E-61": "masking",
  "E-63": "masking",
  "E-64": "masking",
  "E-65": "masking",
  "E-66": "masking",
  "E-68": "the gateway: what a process leaves behind",
  "E-69": "the gateway: bounds of what a job may say",
  "E-70": "the gateway: a relay's output against a direct one",
};

const rows = new Set(BROKEN.flatMap((each) => each.cases));

describe("the attacks on evidence", () => {
  it("are all there, each with an id of its own", () => {
    expect(cases.length).toBe(60);
    expect(new Set(cases.map(({ id }) => id)).size).toBe(cases.length);
  });

  it.each(cases)("$id, $attack: is shown, or it is said where it belongs", ({ id }) => {
    const shown = rows.has(id) || Object.hasOwn(SHOWN, id);
    expect(shown).not.toBe(Object.hasOwn(ELSEWHERE, id));
  });

  it("of integrity are all shown by rows or tests", () => {
    const integrity = cases.filter(({ group }) => group === "integrity").map(({ id }) => id);
    expect(integrity.filter((id) => !rows.has(id) && !Object.hasOwn(SHOWN, id))).toEqual([]);
  });

  it("that rows and tables name are in the corpus", () => {
    const known = new Set(cases.map(({ id }) => id));
    const named = [...rows, ...Object.keys(SHOWN), ...Object.keys(ELSEWHERE)];
    expect(named.filter((id) => !known.has(id))).toEqual([]);
  });

  it.each(Object.values(SHOWN).flat())("are right that %s has a test that %s", (file, title) => {
    expect(existsSync(file)).toBe(true);
    expect(readFileSync(file, "utf8")).toContain(title);
  });
});
