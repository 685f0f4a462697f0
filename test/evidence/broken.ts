// Broken evidence as data: each row breaks the base in one way, and says which check must find it. Both verifiers are
// held to it, ours in `broken.test.ts` and the independent one in test/independent/.

import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dsseSigner, keyidOf, signDsse } from "../../src/evidence/dsse.ts";
import { encodeErasureEntry } from "../../src/evidence/entry.ts";
import { canonical } from "../../src/journal/jcs.ts";
import { checkpointText, noteSigner, rawPublicKey } from "../../src/tlog/note.ts";
import { encodeProof } from "../../src/tlog/proof.ts";
import { leafHash, nodeHash } from "../../src/tlog/tree.ts";
import type { Breakage } from "./breakage.ts";
import { BROKEN_CUSTODY } from "./broken-custody.ts";
import {
  addEntry,
  baseSessions,
  copy,
  countersigner,
  edit,
  erase,
  type Forgery,
  folderOf,
  gatewayKey,
  ledgerOf,
  readFiles,
  renderAgain,
  reseal,
  resealAll,
  resign,
  SIDS,
  sealBase,
  writeFiles,
} from "./forge.ts";
import { keyOf, makeSession, party, type Twist } from "./sealed.ts";

type Row = Pick<Breakage, "name" | "title" | "breaks"> & Partial<Omit<Breakage, "name" | "title" | "breaks">>;

const [FIRST, SECOND, THIRD, FOURTH, LAST] = SIDS;
const HERE = folderOf(FIRST);
const APPROVAL = `${HERE}/approvals/7Q2M4N8X3K.dsse.json`;

const failing = (check: string, rows: readonly Row[]): Breakage[] =>
  rows.map((row) => ({ cases: [], verdict: "failed", check, also: [], since: false, ...row }));

/** Changes the lines of the first session's events, and signs nothing. */
const lines =
  (change: (lines: string[]) => string[]) =>
  (folder: string): void =>
    edit(folder, `${HERE}/events.jsonl`, (text) => unsplit(change(text.split("\n").slice(0, -1))));
const unsplit = (all: readonly string[]): string => all.map((line) => `${line}\n`).join("");

/** Changes one line that nothing else in the session depends on, with every signature made anew. */
const signedLine =
  (change: (line: string) => string, forgery: Forgery = {}) =>
  async (folder: string): Promise<void> =>
    await reseal(folder, FIRST, (session) =>
      resign(session, (all) => all.map(only("connection.closed", change)), forgery),
    );
const only =
  (type: string, change: (line: string) => string) =>
  (line: string): string =>
    line.includes(`"type":"${type}"`) ? change(line) : line;

/** Signs the first session anew, with the same events and something else about it. */
const signedAnew =
  (forgery: Forgery) =>
  async (folder: string): Promise<void> =>
    await reseal(folder, FIRST, (session) => resign(session, (all) => all, forgery));

/** Makes the first session otherwise from the start; all of it is signed. */
const made =
  (twist: Twist) =>
  async (folder: string): Promise<void> =>
    await sealBase(folder, { [FIRST]: twist });
const without = (type: string): Twist => ({ event: (each, body) => (each === type ? undefined : body) });
const saying = (type: string, more: object): Twist => ({
  event: (each, body) => (each === type ? { ...body, ...more } : body),
});

const file =
  (path: string, change: (text: string) => string | undefined) =>
  (folder: string): void =>
    edit(folder, path, change);

const events = failing("events", [
  {
    name: "event-removed",
    title: "an event is taken out of the middle",
    cases: ["E-01"],
    breaks: lines((all) => all.toSpliced(6, 1)),
    also: ["entry", "heads", "pages", "statement"],
  },
  {
    name: "events-swapped",
    title: "two events are swapped",
    cases: ["E-02"],
    breaks: lines((all) => all.with(2, all[3] ?? "").with(3, all[2] ?? "")),
    also: ["entry", "heads", "order", "pages", "statement"],
  },
  {
    name: "event-doubled",
    title: "an event stands there twice",
    cases: ["E-03"],
    breaks: lines((all) => all.toSpliced(4, 0, all[4] ?? "")),
    also: ["entry", "heads", "order", "pages", "statement"],
  },
  {
    name: "event-of-another-session",
    title: "an event of another session stands in the place of one, all signed",
    cases: ["E-13"],
    breaks: signedLine((line) => line.replace(FIRST, SECOND)),
  },
  {
    name: "event-with-carriage-return",
    title: "a line ends with a carriage return, all signed",
    breaks: signedLine((line) => `${line}\r`),
  },
  {
    name: "event-with-byte-order-mark",
    title: "a line begins with a byte order mark, all signed",
    breaks: signedLine((line) => `\ufeff${line}`),
  },
  {
    name: "event-with-a-key-twice",
    title: "an event names one key twice, all signed",
    cases: ["E-18"],
    breaks: signedLine((line) => line.replace('"why":""', '"why":"","why":""')),
  },
  {
    name: "event-with-half-a-pair",
    title: "an event holds a lone surrogate, all signed",
    cases: ["E-18"],
    breaks: signedLine((line) => line.replace('"why":""', '"why":"\\ud83d"')),
  },
  {
    name: "event-with-big-integer",
    title: "an event holds an integer beyond 2^53, all signed",
    cases: ["E-18"],
    breaks: signedLine((line) => line.replace('"sent":600', '"sent":9007199254740993')),
  },
  {
    name: "event-with-fraction",
    title: "an event holds an integer written as a fraction, all signed",
    cases: ["E-18"],
    breaks: signedLine((line) => line.replace('"sent":600', '"sent":600.0')),
  },
  {
    name: "event-with-nan",
    title: "an event holds NaN, all signed",
    cases: ["E-18"],
    breaks: signedLine((line) => line.replace('"sent":600', '"sent":NaN')),
  },
  {
    name: "event-nested-deeply",
    title: "an event nests 15,000 deep, all signed",
    cases: ["E-18"],
    breaks: signedLine((line) => line.replace('"why":""', `"why":${"[".repeat(15_000)}${"]".repeat(15_000)}`)),
  },
  {
    name: "event-with-trailing-bytes",
    title: "something stands behind an event on its line, all signed",
    cases: ["E-18"],
    breaks: signedLine((line) => `${line} {}`),
  },
  {
    name: "event-with-spaces",
    title: "an event is written with spaces, all signed",
    breaks: signedLine((line) => line.replace('"seq":', '"seq": ')),
  },
  {
    name: "event-with-keys-out-of-order",
    title: "an event's keys are out of order, all signed",
    breaks: signedLine((line) => line.replace('"received":400,"sent":600', '"sent":600,"received":400')),
  },
  {
    name: "event-with-needless-escape",
    title: "an event spells a letter as an escape, all signed",
    breaks: signedLine((line) => line.replace("connection.closed", "connection.\\u0063losed")),
  },
  {
    name: "event-too-long",
    title: "an event is longer than 32 KiB, all signed",
    breaks: signedLine((line) => line.replace('"why":""', `"why":"${"x".repeat(33_000)}"`)),
  },
  {
    name: "event-of-unknown-type",
    title: "an event has a type that this version does not know, all signed",
    breaks: signedLine((line) => line.replace("connection.closed", "connection.dropped")),
  },
  {
    name: "event-with-unknown-field",
    title: "an event has a field that this version does not know, all signed",
    breaks: signedLine((line) => line.replace('"why":""', '"why":"","x":1')),
  },
  {
    name: "event-of-another-version",
    title: "an event says that it is of version 2, all signed",
    breaks: signedLine((line) => line.replace('"v":1', '"v":2')),
  },
  {
    name: "event-at-no-moment",
    title: "an event's time is no moment that exists, all signed",
    breaks: signedLine((line) => line.replace(/"at":"2026-11-23T/, '"at":"2026-13-23T')),
  },
  {
    name: "sequence-with-gap",
    title: "the events count on with a gap, all signed",
    cases: ["E-01"],
    breaks: async (folder) =>
      await reseal(folder, FIRST, (session) => resign(session, (all) => all.toSpliced(all.length - 2, 1))),
  },
  {
    name: "blank-line",
    title: "there is an empty line among the events, all signed",
    breaks: async (folder) =>
      await reseal(folder, FIRST, (session) => resign(session, (all) => all.toSpliced(all.length - 1, 0, ""))),
  },
]);

const order = failing("order", [
  {
    name: "released-though-denied",
    title: "a command that policy denied was released",
    cases: ["E-23"],
    breaks: made({
      event: (type, body) =>
        type === "command.settled" && "cmd" in body && body.cmd === "1/2"
          ? { ...body, cause: "", ruling: "release" }
          : body,
    }),
  },
  {
    name: "never-decided",
    title: "a command was settled without a decision",
    cases: ["E-23"],
    breaks: made({
      event: (type, body) => (type === "command.decided" && "cmd" in body && body.cmd === "1/1" ? undefined : body),
    }),
  },
  {
    name: "returned-though-refused",
    title: "a command that was refused returned rows",
    cases: ["E-23"],
    breaks: made({
      event: (type, body) =>
        type === "command.settled" && "cmd" in body && body.cmd === "1/1"
          ? { ...body, cause: "denied", ruling: "refuse" }
          : body,
    }),
  },
  {
    name: "decided-after-the-result",
    title: "the decision stands behind the result",
    cases: ["E-23"],
    breaks: async (folder) => await reseal(folder, FIRST, (session) => resign(session, decidedLate)),
  },
  {
    name: "plan-out-of-order",
    title: "a plan's second statement runs by its answer before the first",
    breaks: made({ plan: { comes: [1] } }),
    also: ["approvals"],
  },
  {
    name: "plan-used-twice",
    title: "a plan's statement runs by its answer a second time",
    breaks: made({ plan: { comes: [0, 0] } }),
    also: ["approvals"],
  },
  {
    name: "plan-goes-on",
    title: "a plan's second statement runs by its answer though the first failed",
    breaks: made({ plan: { outcome: "error" } }),
    also: ["approvals"],
  },
  {
    name: "plan-runs-ahead",
    title: "a plan's second statement runs by its answer before the first has ended",
    breaks: made({ plan: { outcome: undefined } }),
    also: ["approvals"],
  },
  {
    name: "plan-of-others",
    title: "people were asked about other statements than were seen",
    breaks: made({ plan: { digests: ([first = ""]) => [first] } }),
    also: ["approvals"],
  },
  {
    name: "plan-refused",
    title: "statements run by the answer of a plan that people refused",
    breaks: made({ plan: { answer: "refused" } }),
    also: ["approvals"],
  },
  {
    name: "plan-statement-released",
    title: "a statement runs as such, on the connection on which it was only shown",
    breaks: made({ plan: { releasesStatement: true } }),
  },
  {
    name: "credential-of-no-target",
    title: "the App is said to have released the credential of a target that the session did not name",
    breaks: made({ issued: [{ target: "billing" }] }),
  },
  {
    name: "credential-released-twice",
    title: "the App is said to have released one credential twice",
    breaks: made({ issued: [{ target: "appdb" }, { target: "appdb" }] }),
  },
  {
    name: "credential-of-a-connection",
    title: "a credential is said to be a connection's, and it is the session's",
    breaks: made({ issued: [{ target: "appdb", conn: 1 }] }),
  },
  {
    name: "credential-without-a-start",
    title: "a credential was released, and the beginning of the session is taken away",
    breaks: async (folder) =>
      await sealBase(folder, { [FIRST]: { issued: [{ target: "appdb" }] } }).then(() =>
        lines((all) => all.slice(1))(folder),
      ),
    also: ["entry", "events", "heads", "keys", "pages", "population", "statement"],
  },
  {
    name: "credential-before-the-start",
    title: "a credential was released before the session began",
    breaks: async (folder) =>
      await sealBase(folder, { [FIRST]: { issued: [{ target: "appdb" }] } }).then(
        async () => await reseal(folder, FIRST, (session) => resign(session, startedLate)),
      ),
    also: ["events", "heads", "keys", "statement"],
  },
]);

/** The first two lines in each other's place, their numbers in order. */
function startedLate([first = "", second = "", ...rest]: string[]): string[] {
  return [second, first, ...rest].map((line, seq) => line.replace(/"seq":\d+/, `"seq":${seq}`));
}

/** Swaps the decision about the first command with what was masked in its result, and keeps the numbers in order. */
function decidedLate(all: string[]): string[] {
  const moved = all.with(3, all[6] ?? "").with(6, all[3] ?? "");
  return moved.map((line, seq) => line.replace(/"seq":\d+/, `"seq":${seq}`));
}

const ended: Breakage[] = [
  ...failing("ended", [
    {
      name: "never-ended",
      title: "the session has no end, and all else is signed",
      cases: ["E-05", "E-06"],
      breaks: made(without("session.ended")),
      verdict: "incomplete",
    },
  ]),
  ...failing(
    "heads",
    [1, 2, 4, 7].map((k) => ({
      name: `truncated-by-${k}`,
      title: `the last ${k} events are cut off behind a countersigned head`,
      cases: ["E-05", "E-06"],
      breaks: lines((all) => all.slice(0, -k)),
      also: [
        ...(k >= 7 ? ["approvals"] : []),
        ...(k >= 4 ? ["disclosures"] : []),
        "ended",
        "entry",
        "pages",
        "statement",
      ],
    })),
  ),
];

const keys = failing("keys", [
  {
    name: "countersigner-not-trusted",
    title: "a session was countersigned by a key that trust/policy does not name",
    breaks: async (folder) => {
      const by = countersigner();
      const stranger = party(keyOf("a stranger"));
      const [, ...rest] = baseSessions(by);
      const first = makeSession(stranger, { sid: FIRST, gateway: gatewayKey(FIRST) });
      writeFiles(folder, await ledgerOf([first, ...rest], by));
    },
  },
  {
    name: "one-key-for-both",
    title: "the gateway and the countersigner have one and the same key",
    cases: ["E-16"],
    breaks: made({ gateway: countersigner().key }),
  },
  {
    name: "policy-of-keys-with-carriage-returns",
    title: "trust/policy has carriage returns",
    breaks: file("trust/policy", (text) => text.replaceAll("\n", "\r\n")),
    also: ["checkpoint", "tiles"],
  },
]);

const heads = failing("heads", [
  {
    name: "byte-edited",
    title: "one byte of an event is changed, and the event is still a good one",
    cases: ["E-04"],
    breaks: lines((all) => all.map(only("connection.closed", (line) => line.replace('"sent":600', '"sent":601')))),
    also: ["entry", "pages", "statement"],
  },
  {
    name: "resigned-by-gateway-alone",
    title: "a stolen gateway key signs changed events; the countersigner's heads are of the old ones",
    cases: ["E-10"],
    breaks: async (folder) =>
      await reseal(folder, FIRST, (session) => {
        const changed = resign(session, (all) =>
          all.map(only("connection.closed", (line) => line.replace(":600", ":601"))),
        );
        return { ...changed, checkpoints: session.checkpoints };
      }),
  },
  {
    name: "head-not-countersigned",
    title: "a head has the gateway's signature alone",
    cases: ["E-10"],
    breaks: signedAnew({ notes: (notes) => notes.with(0, withoutSignature(notes[0] ?? "", 1)) }),
  },
  {
    name: "head-not-signed-by-gateway",
    title: "a head has the countersigner's signature alone",
    breaks: signedAnew({ notes: (notes) => notes.with(0, withoutSignature(notes[0] ?? "", 0)) }),
  },
  {
    name: "last-head-left-out",
    title: "the last head is gone, so the end was never countersigned",
    breaks: signedAnew({ heads: (all) => all.slice(0, -1) }),
  },
  {
    name: "heads-swapped",
    title: "two heads are swapped",
    breaks: signedAnew({
      heads: (all) => all.with(0, all[1] ?? NO_HEAD).with(1, { ...(all[0] ?? NO_HEAD), at: (all[1] ?? NO_HEAD).at }),
    }),
  },
  {
    name: "head-twice",
    title: "a head stands there twice",
    breaks: file(`${HERE}/checkpoints.txt`, (text) => `${text.split("\n---\n")[0]}\n---\n${text}`),
  },
  {
    name: "head-of-another-session",
    title: "a head is of another session",
    cases: ["E-20"],
    breaks: (folder) => {
      const theirs = readFileSync(join(folder, folderOf(SECOND), "checkpoints.txt"), "utf8").split("\n---\n");
      edit(folder, `${HERE}/checkpoints.txt`, (text) =>
        text
          .split("\n---\n")
          .with(0, theirs[0] ?? "")
          .join("\n---\n"),
      );
    },
  },
  {
    name: "heads-with-carriage-returns",
    title: "checkpoints.txt has carriage returns",
    breaks: file(`${HERE}/checkpoints.txt`, (text) => text.replaceAll("\n", "\r\n")),
    also: ["statement"],
  },
]);

const NO_HEAD = { size: 0, at: 0 };

function withoutSignature(note: string, which: number): string {
  const [text = "", signatures = ""] = note.split("\n\n");
  return `${text}\n\n${signatures.split("\n").toSpliced(which, 1).join("\n")}`;
}

const times = [
  ...failing("times", [
    {
      name: "time-goes-back",
      title: "a head was countersigned before the head in front of it",
      cases: ["E-14"],
      breaks: signedAnew({
        heads: (all) => all.map((head, at) => (at === 1 ? { ...head, at: head.at - 3600 } : head)),
      }),
    },
  ]),
  ...failing("", [
    {
      name: "clock-of-the-runner-off",
      title: "the runner's clock is an hour off the countersigner's: a warning, and no failure",
      cases: ["E-14"],
      breaks: made({ clock: [3600, 3600, 3600, 3600] }),
      verdict: "good",
    },
  ]),
];

/** Another envelope around the statement of the first session. */
const envelope = (
  change: (parts: { payload: string; payloadType: string; signatures: { keyid: string; sig: string }[] }) => object,
) => signedAnew({ dsse: (text) => `${canonical(change(JSON.parse(text) as never))}\n` });

const statement = failing("statement", [
  {
    name: "statement-says-else",
    title: "the statement, signed by both, says something else than the events",
    breaks: signedAnew({ statement: (text) => text.replace('"outcome":"completed"', '"outcome":"failed"') }),
  },
  {
    name: "statement-of-another-session",
    title: "the statement of another session stands there",
    breaks: (folder) => copy(folder, `${folderOf(SECOND)}/session.dsse.json`, `${HERE}/session.dsse.json`),
    also: ["entry"],
  },
  {
    name: "payload-type-changed",
    title: "the envelope says another payload type",
    cases: ["E-15"],
    breaks: envelope((parts) => ({ ...parts, payloadType: "application/json" })),
  },
  {
    name: "predicate-type-changed",
    title: "the statement, signed by both, has another predicate type",
    cases: ["E-15"],
    breaks: signedAnew({ statement: (text) => text.replace("attestation/session/v0.1", "attestation/session/v0.2") }),
  },
  {
    name: "one-key-signs-twice",
    title: "the gateway signs the statement twice, the countersigner not at all",
    cases: ["E-16"],
    breaks: envelope((parts) => ({ ...parts, signatures: [parts.signatures[0], parts.signatures[0]] })),
  },
  {
    name: "signature-under-anothers-name",
    title: "the gateway's signature stands there a second time under the countersigner's key id",
    cases: ["E-16"],
    breaks: envelope((parts) => ({
      ...parts,
      signatures: [parts.signatures[0], { ...parts.signatures[0], keyid: parts.signatures[1]?.keyid }],
    })),
  },
  {
    name: "signature-in-url-alphabet",
    title: "a signature is written in the URL-safe alphabet",
    cases: ["E-17"],
    breaks: envelope((parts) => ({
      ...parts,
      signatures: parts.signatures.map(({ keyid, sig }) => ({ keyid, sig: urlSafe(sig) })),
    })),
  },
  {
    name: "signature-without-padding",
    title: "a signature is written without its padding",
    cases: ["E-17"],
    breaks: envelope((parts) => ({
      ...parts,
      signatures: parts.signatures.map(({ keyid, sig }) => ({ keyid, sig: sig.replace(/=+$/, "") })),
    })),
  },
  {
    name: "payload-with-line-break",
    title: "the payload's base 64 is broken into lines",
    cases: ["E-17"],
    breaks: envelope((parts) => ({ ...parts, payload: `${parts.payload.slice(0, 76)}\n${parts.payload.slice(76)}` })),
  },
  {
    name: "envelope-with-a-key-twice",
    title: "the envelope names its payload twice",
    cases: ["E-18"],
    breaks: signedAnew({ dsse: (text) => text.replace('{"payload":', '{"payload":"","payload":') }),
  },
  {
    name: "envelope-with-trailing-bytes",
    title: "something stands behind the envelope",
    cases: ["E-18"],
    breaks: signedAnew({ dsse: (text) => `${text}\n` }),
  },
  {
    name: "envelope-nested-deeply",
    title: "the envelope nests 200,000 deep",
    cases: ["E-18"],
    breaks: signedAnew({ dsse: () => `${"[".repeat(200_000)}${"]".repeat(200_000)}\n` }),
  },
]);

function urlSafe(text: string): string {
  const url = text.replaceAll("+", "-").replaceAll("/", "_");
  // A signature that holds neither sign is the same in both alphabets.
  return url === text ? url.replace(/^./, "-") : url;
}

const approvals = failing("approvals", [
  {
    name: "plan-by-another-rule",
    title: "a command runs by a plan's answer, held by a rule that the plan did not name",
    breaks: made({ plan: { rule: "other" } }),
  },
  {
    name: "plan-by-others",
    title: "a command that a plan covers is said to be approved by somebody else",
    breaks: made({ plan: { covered: { by: [{ login: "mallory", via: "check" }] } } }),
  },
  {
    name: "plan-other-answer",
    title: "a command that a plan covers names another signed answer",
    breaks: made({ plan: { covered: { dsse: `sha256:${"0".repeat(64)}` } } }),
  },
  {
    name: "plan-answer-of-a-shorter-list",
    title: "the answer that people signed is about another list of statements",
    breaks: made({ plan: { facts: (facts) => ({ ...facts, digest: "A".repeat(43) }) } }),
  },
  {
    name: "plan-answer-of-another-line",
    title: "the answer that people signed is bound to another line of the record",
    breaks: made({ plan: { facts: (facts) => ({ ...facts, leaf: "A".repeat(43) }) } }),
  },
  {
    name: "plan-approved-by-who-ran-it",
    title: "a plan was approved by the one who ran the job",
    breaks: made({ actor: "carol", answered: "refused", by: [{ login: "dave", via: "check" }], plan: {} }),
  },
  {
    name: "approval-missing",
    title: "the signed answer is gone",
    cases: ["E-21"],
    breaks: file(APPROVAL, () => undefined),
  },
  {
    name: "approval-of-another-session",
    title: "the signed answer of another session stands there",
    cases: ["E-21"],
    breaks: (folder) => copy(folder, `${folderOf(FOURTH)}/approvals/7Q2M4N8X3K.dsse.json`, APPROVAL),
  },
  {
    name: "approval-nobody-asked-for",
    title: "there is an answer to a request that was never made",
    breaks: (folder) => copy(folder, APPROVAL, `${HERE}/approvals/AAAAAAAAAA.dsse.json`),
  },
  {
    name: "approval-without-signature",
    title: "the recorded answer names no signed file, and the command was released",
    cases: ["E-21"],
    breaks: made(saying("approval.answered", { dsse: "" })),
  },
  {
    name: "approval-by-another-key",
    title: "the answer is signed by a key that is not the countersigner's",
    cases: ["E-21"],
    breaks: made({ approvalKey: keyOf("a stranger") }),
  },
  {
    name: "approval-for-another-leaf",
    title: "the answer is for the leaf of another event",
    cases: ["E-21"],
    breaks: made({ answer: (facts) => ({ ...facts, leaf: Buffer.alloc(32, 1).toString("base64url") }) }),
  },
  {
    name: "approval-for-another-command",
    title: "the command that ran has another digest than the one that was approved",
    cases: ["E-22"],
    breaks: made({ answer: (facts) => ({ ...facts, digest: "A".repeat(43) }) }),
  },
  {
    name: "approval-for-another-target",
    title: "the answer is for another target",
    cases: ["E-22"],
    breaks: made({ answer: (facts) => ({ ...facts, target: "otherdb" }) }),
  },
  {
    name: "approval-under-another-policy",
    title: "the answer was given under another policy",
    breaks: made({ answer: (facts) => ({ ...facts, policy: `sha256:${"c".repeat(64)}` }) }),
  },
  {
    name: "approval-after-expiry",
    title: "the answer came after the request had expired",
    breaks: made({ answer: (facts) => ({ ...facts, decidedAt: "2026-11-23T06:00:00.000Z" }) }),
  },
  {
    name: "approval-before-request",
    title: "the answer came before it was asked",
    breaks: made({ answer: (facts) => ({ ...facts, decidedAt: "2026-11-23T04:00:00.000Z" }) }),
  },
  {
    name: "approval-signed-as-refusal",
    title: "a refusal was recorded as an approval",
    breaks: made({ answer: (facts) => ({ ...facts, answer: "refused" }) }),
  },
  {
    name: "approval-by-others-than-recorded",
    title: "the answer is signed for other people than were recorded",
    breaks: made({ answer: (facts) => ({ ...facts, by: [{ login: "dave", via: "check" }] }) }),
  },
  {
    name: "approval-by-the-actor",
    title: "who ran the job approved it",
    breaks: made({ actor: "Carol" }),
  },
  {
    name: "approval-by-too-few",
    title: "two people were asked for, and one answered twice",
    cases: ["E-16"],
    breaks: made({
      approvers: 2,
      by: [
        { login: "carol", via: "check" },
        { login: "Carol", via: "review" },
      ],
    }),
  },
  {
    name: "approval-by-nobody",
    title: "the answer names nobody",
    breaks: made({ by: [] }),
  },
  {
    name: "approval-of-another-type",
    title: "the answer's statement, signed, is of another predicate type",
    cases: ["E-15"],
    breaks: async (folder) => await sealBase(folder, { [FIRST]: { sign: retyped } }),
  },
]);

/** The signed answer with another type of predicate, signed by the countersigner all the same. */
function retyped(dsse: string): string {
  const { payload } = JSON.parse(dsse) as { payload: string };
  const text = Buffer.from(payload, "base64")
    .toString()
    .replace("attestation/approval/v0.1", "attestation/waiver/v0.1");
  const by = countersigner();
  const signature = signDsse(text, by.dsse);
  return `${canonical({
    payload: Buffer.from(text).toString("base64"),
    payloadType: "application/vnd.in-toto+json",
    signatures: [{ keyid: signature.keyid, sig: signature.sig }],
  })}\n`;
}

/** Changes the disclosures of the first session, and makes its page again. */
const values =
  (change: (all: string[]) => string[]) =>
  (folder: string): void => {
    edit(folder, `${HERE}/disclosures.jsonl`, (text) => unsplit(change(text.split("\n").slice(0, -1))));
    renderAgain(folder);
  };

interface Line {
  readonly digest: string;
  readonly disclosure: string;
  readonly ptr: string;
}
const lineOf = (text = ""): Line => JSON.parse(text) as Line;

const disclosures = failing("disclosures", [
  {
    name: "value-forged",
    title: "a value is replaced by another",
    breaks: values((all) => {
      const disclosure = Buffer.from('["0123456789abcdefghijkl","another value"]').toString("base64url");
      return all.with(1, canonical({ ...lineOf(all[1]), disclosure }));
    }),
  },
  {
    name: "values-swapped",
    title: "two values are swapped under their digests",
    breaks: values((all) => {
      const [left, right] = [lineOf(all[1]), lineOf(all[2])];
      const swapped = [
        canonical({ ...left, disclosure: right.disclosure }),
        canonical({ ...right, disclosure: left.disclosure }),
      ];
      return all.toSpliced(1, 2, ...swapped);
    }),
  },
  {
    name: "values-at-swapped-places",
    title: "two values name each other's place",
    breaks: values((all) => {
      const [left, right] = [lineOf(all[1]), lineOf(all[2])];
      return all.toSpliced(1, 2, canonical({ ...left, ptr: right.ptr }), canonical({ ...right, ptr: left.ptr }));
    }),
  },
  {
    name: "value-twice",
    title: "a value stands there twice",
    breaks: values((all) => [...all, all[0] ?? ""]),
  },
  {
    name: "value-of-another-session",
    title: "a value of another session stands among these",
    cases: ["E-13"],
    breaks: (folder) => {
      const theirs = readFileSync(join(folder, folderOf(SECOND), "disclosures.jsonl"), "utf8").split("\n");
      values((all) => [...all, theirs[1] ?? ""])(folder);
    },
  },
  {
    name: "value-with-carriage-return",
    title: "a line of the values ends with a carriage return",
    breaks: values((all) => all.with(2, `${all[2]}\r`)),
  },
  {
    name: "value-with-byte-order-mark",
    title: "the values begin with a byte order mark",
    breaks: values((all) => all.with(0, `\ufeff${all[0]}`)),
  },
  {
    name: "value-with-a-key-twice",
    title: "a value names its place twice",
    cases: ["E-18"],
    breaks: values((all) => all.with(0, (all[0] ?? "").replace('"ptr":', '"ptr":"","ptr":'))),
  },
  {
    name: "value-nested-deeply",
    title: "a line of the values nests 200,000 deep",
    cases: ["E-18"],
    breaks: values((all) => [...all, `${"[".repeat(200_000)}${"]".repeat(200_000)}`]),
  },
  {
    name: "values-cut",
    title: "the values end in the middle of a line",
    breaks: (folder) => {
      edit(folder, `${HERE}/disclosures.jsonl`, (text) => text.slice(0, -5));
      renderAgain(folder);
    },
  },
]);

const ERASURE = `${HERE}/erasures/1.dsse.json`;

const erasures = [
  ...failing("disclosures", [
    {
      name: "value-withheld",
      title: "a value is not there, and no erasure says so",
      verdict: "incomplete",
      breaks: values((all) => all.toSpliced(1, 1)),
    },
  ]),
  ...failing("erasures", [
    {
      name: "erasure-by-a-stranger",
      title: "a value was erased, and somebody else than the countersigner signed for it",
      breaks: async (folder) => await erase(folder, FIRST, dsseSigner(keyOf("a stranger"))),
    },
    {
      name: "erasure-edited",
      title: "the signed word of an erasure is changed",
      breaks: async (folder) => {
        await erase(folder, FIRST);
        edit(folder, ERASURE, (text) => {
          const parts = JSON.parse(text) as { payload: string };
          const payload = Buffer.from(parts.payload, "base64").toString().replace("A customer", "A reporter");
          return `${canonical({ ...parts, payload: Buffer.from(payload).toString("base64") })}\n`;
        });
        renderAgain(folder);
      },
    },
    {
      name: "erased-value-still-there",
      title: "a value that was erased stands there again",
      breaks: async (folder) => {
        const before = readFileSync(join(folder, HERE, "disclosures.jsonl"));
        await erase(folder, FIRST);
        writeFileSync(join(folder, HERE, "disclosures.jsonl"), before);
        renderAgain(folder);
      },
    },
    {
      name: "erasure-of-another-session",
      title: "the erasure of another session stands there as if it were of this one",
      breaks: async (folder) => {
        await erase(folder, SECOND);
        mkdirSync(join(folder, HERE, "erasures"));
        copy(folder, `${folderOf(SECOND)}/erasures/1.dsse.json`, ERASURE);
        renderAgain(folder);
      },
    },
    {
      name: "erasure-in-no-entry",
      title: "a second erasure is a copy of the first, and the log knows of one",
      breaks: async (folder) => {
        await erase(folder, FIRST);
        copy(folder, ERASURE, `${HERE}/erasures/2.dsse.json`);
        renderAgain(folder);
      },
    },
    {
      name: "erasure-taken-away",
      title: "the log enters an erasure whose signed word is gone",
      breaks: async (folder) => {
        await erase(folder, FIRST);
        rmSync(join(folder, HERE, "erasures"), { recursive: true });
        renderAgain(folder);
      },
      also: ["disclosures"],
    },
    {
      name: "erasures-out-of-count",
      title: "the first erasure has the number two",
      breaks: async (folder) => {
        await erase(folder, FIRST);
        renameSync(join(folder, ERASURE), join(folder, HERE, "erasures/2.dsse.json"));
        renderAgain(folder);
      },
      also: ["disclosures"],
    },
  ]),
];

/** Changes the proof of the first session, and makes its page again, which tells the number of the entry. */
const proofOf =
  (change: (text: string) => string) =>
  (folder: string): void => {
    edit(folder, `${HERE}/session.tlog-proof`, change);
    renderAgain(folder);
  };

const entry = failing("entry", [
  {
    name: "proof-of-another-session",
    title: "the proof of another session stands there",
    cases: ["E-19"],
    breaks: (folder) => {
      copy(folder, `${folderOf(SECOND)}/session.tlog-proof`, `${HERE}/session.tlog-proof`);
      renderAgain(folder);
    },
  },
  {
    name: "proof-of-a-fork",
    title: "the proof is of a fork of the log: two signed checkpoints of one size",
    cases: ["E-08"],
    breaks: async (folder) => {
      const by = countersigner();
      const leaf = leafHash(entriesIn(folder)[0] ?? "");
      const fork = leafHash("another session");
      const text = checkpointText({ origin: by.log.verifier.name, size: 2, root: nodeHash(leaf, fork) });
      const proof = encodeProof({ index: 0, path: [fork], checkpoint: `${text}\n${await by.signer.sign(text)}` });
      edit(folder, `${HERE}/session.tlog-proof`, () => proof);
    },
  },
  {
    name: "proof-too-short",
    title: "the proof lacks a hash",
    cases: ["E-19"],
    breaks: file(`${folderOf(THIRD)}/session.tlog-proof`, (text) => text.replace(/(index \d+\n)[^\n]+\n/, "$1")),
  },
  {
    name: "proof-too-long",
    title: "the proof has a hash too many",
    cases: ["E-19"],
    breaks: file(`${HERE}/session.tlog-proof`, (text) =>
      text.replace(/(index \d+\n)/, `$1${Buffer.alloc(32).toString("base64")}\n`),
    ),
  },
  {
    name: "proof-beyond-the-log",
    title: "the proof names an entry that the log does not have",
    cases: ["E-19"],
    breaks: proofOf((text) => text.replace("index 0", "index 1")),
  },
  {
    name: "proof-with-extra-data",
    title: "the proof has extra data, which nothing vouches for",
    breaks: file(`${HERE}/session.tlog-proof`, (text) => text.replace("index", "extra aGVsbG8=\nindex")),
  },
  {
    name: "proof-not-countersigned",
    title: "the proof's checkpoint has the log's signature alone",
    breaks: file(`${HERE}/session.tlog-proof`, (text) => text.replace(/— app\.example[^\n]*\n/, "")),
  },
  {
    name: "proof-with-carriage-returns",
    title: "the proof has carriage returns",
    breaks: proofOf((text) => text.replaceAll("\n", "\r\n")),
  },
]);

function entriesIn(folder: string): readonly Uint8Array[] {
  const bundle = readFileSync(join(folder, "log/tile/entries/000.p/5"));
  const all: Uint8Array[] = [];
  for (let at = 0; at < bundle.length; at += 2 + bundle.readUInt16BE(at)) {
    all.push(bundle.subarray(at + 2, at + 2 + bundle.readUInt16BE(at)));
  }
  return all;
}

const repository = failing("repository", [
  {
    name: "replayed-in-another-repository",
    title: "a session of another repository, countersigned by the same, was entered in this log",
    cases: ["E-13"],
    breaks: async (folder) => {
      const by = countersigner();
      const theirs = party(by.key, { origin: "github.com/acme/billing/countersign" });
      const [, ...rest] = baseSessions(by);
      const first = makeSession(theirs, { sid: FIRST, gateway: gatewayKey(FIRST), repository: "acme/billing" });
      writeFiles(folder, await ledgerOf([first, ...rest], by));
    },
  },
  {
    name: "says-another-repository",
    title: "a session signed for this log says that it ran for another repository",
    cases: ["E-13"],
    breaks: made({ repository: "acme/billing" }),
  },
]);

const policy = failing("policy", [
  {
    name: "policy-without-digest",
    title: "the session names its policy by something that is no digest",
    cases: ["E-24"],
    breaks: made({ policy: "the usual one" }),
  },
]);

const log = [
  ...failing("checkpoint", [
    {
      name: "checkpoint-missing",
      title: "the log has no checkpoint",
      breaks: file("log/checkpoint", () => undefined),
      also: ["tiles"],
    },
    {
      name: "checkpoint-of-another-size",
      title: "the checkpoint says another size than was signed",
      breaks: file("log/checkpoint", (text) => text.replace("\n5\n", "\n4\n")),
      also: ["tiles"],
    },
    {
      name: "checkpoint-of-another-origin",
      title: "the checkpoint is that of another log, signed by the same countersigner",
      cases: ["E-20"],
      breaks: async (folder) => {
        const by = countersigner();
        const theirs = party(by.key, { origin: "github.com/acme/billing/countersign" });
        const ledger = await ledgerOf([makeSession(theirs, { sid: FIRST, repository: "acme/billing" })], theirs);
        edit(folder, "log/checkpoint", () => Buffer.from(ledger.get("log/checkpoint") ?? "").toString());
        renderAgain(folder);
      },
      also: ["tiles"],
    },
    {
      name: "checkpoint-not-countersigned",
      title: "the checkpoint has the log's signature alone",
      breaks: (folder) => {
        edit(folder, "log/checkpoint", (text) => text.replace(/— app\.example[^\n]*\n/, ""));
        renderAgain(folder);
      },
      also: ["tiles"],
    },
    {
      name: "checkpoint-with-colliding-key-id",
      title: "the checkpoint is signed by another key under the name and id of the log's",
      breaks: (folder) => {
        const stranger = noteSigner(countersigner().log.verifier.name, keyOf("a stranger"));
        edit(folder, "log/checkpoint", (text) => {
          const [body = "", signatures = ""] = text.split("\n\n");
          const [own = "", ...others] = signatures.split("\n");
          const [, , id = ""] = own.split(" ");
          const [dash, name, line = ""] = stranger.sign(`${body}\n`).trimEnd().split(" ");
          const forged = Buffer.concat([
            Buffer.from(id, "base64").subarray(0, 4),
            Buffer.from(line, "base64").subarray(4),
          ]);
          return `${body}\n\n${[[dash, name, forged.toString("base64")].join(" "), ...others].join("\n")}`;
        });
        renderAgain(folder);
      },
      also: ["tiles"],
    },
    {
      name: "checkpoint-with-extension",
      title: "the checkpoint has a line more, and all is signed",
      breaks: async (folder) => {
        const by = countersigner();
        const [body = ""] = readFileSync(join(folder, "log/checkpoint"), "utf8").split("\n\n");
        const text = `${body}\nsomething else\n`;
        writeFileSync(join(folder, "log/checkpoint"), `${text}\n${await by.signer.sign(text)}`);
        renderAgain(folder);
      },
      also: ["tiles"],
    },
    {
      name: "checkpoint-with-carriage-returns",
      title: "the checkpoint has carriage returns",
      breaks: file("log/checkpoint", (text) => text.replaceAll("\n", "\r\n")),
      also: ["tiles"],
    },
    {
      name: "checkpoint-with-byte-order-mark",
      title: "the checkpoint begins with a byte order mark",
      breaks: file("log/checkpoint", (text) => `\ufeff${text}`),
      also: ["tiles"],
    },
  ]),
  ...failing("tiles", [
    {
      name: "tile-edited",
      title: "a hash in a tile is changed",
      breaks: (folder) => flip(folder, "log/tile/0/000.p/5", 40),
    },
    {
      name: "tile-missing",
      title: "a tile is gone",
      breaks: file("log/tile/0/000.p/5", () => undefined),
    },
    {
      name: "bundle-cut",
      title: "the last entry is cut short",
      breaks: (folder) => truncateSync(join(folder, "log/tile/entries/000.p/5"), 300),
      also: ["entry", "population"],
    },
  ]),
  ...failing("population", [
    {
      name: "session-removed",
      title: "a whole session is taken away, with every trace of it in the pages",
      cases: ["E-07"],
      breaks: (folder) => {
        const files = readFiles(folder);
        for (const path of files.keys()) if (path.startsWith(`${folderOf(SECOND)}/`)) files.delete(path);
        writeFiles(folder, files);
        edit(folder, "sessions/2026/11/index.csv", (text) =>
          text
            .split("\n")
            .filter((line) => !line.includes(SECOND))
            .join("\n"),
        );
        renderAgain(folder);
      },
    },
    {
      name: "session-entered-twice",
      title: "the log enters one session twice",
      breaks: async (folder) => await addEntry(folder, entriesIn(folder)[1] ?? ""),
    },
    {
      name: "entry-of-unknown-kind",
      title: "the log holds an entry of a kind that this version does not know",
      breaks: async (folder) => await addEntry(folder, `{"kind":"pardon","sid":"${FIRST}","v":1}`),
    },
    {
      name: "entry-of-65535-bytes",
      title: "the log holds an entry as long as the format allows, which is no session's",
      breaks: async (folder) => await addEntry(folder, Buffer.alloc(65_535, "x")),
    },
    {
      name: "erasure-from-unknown-session",
      title: "the log holds an erasure from a session that it never entered",
      breaks: async (folder) =>
        await addEntry(folder, encodeErasureEntry({ sid: "01KANAV0Q8M3T4ZS5R6X7Y8Z8Z", dsse: "A".repeat(43) })),
    },
  ]),
];

function flip(folder: string, path: string, at: number): void {
  const bytes = readFileSync(join(folder, path));
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(join(folder, path), bytes);
}

const since = failing("since", [
  {
    name: "rolled-back",
    title: "the branch was put back to an older state, which is good in itself",
    cases: ["E-09"],
    breaks: async (folder) => await resealAll(folder, (session) => (session.sid === LAST ? undefined : session)),
    since: true,
  },
  {
    name: "two-checkpoints-of-one-size",
    title: "the log was written anew with another last session: two signed checkpoints of one size",
    cases: ["E-08"],
    breaks: async (folder) =>
      await sealBase(folder, { [LAST]: { startedAt: "2026-12-28T05:00:00.000Z", text: "SELECT 'something else'" } }),
    since: true,
  },
  {
    name: "rewritten-with-every-key",
    title:
      "who has every key wrote the log anew, with one session more: good in itself, but not for who kept a checkpoint",
    cases: ["E-11"],
    breaks: async (folder) => {
      const by = countersigner();
      const sessions = baseSessions(by, { [FIRST]: { text: "SELECT 'nothing to see here'" } });
      const more = makeSession(by, { sid: "01KANAV0Q8M3T4ZS5R6X7Y8Z8F" });
      writeFiles(folder, await ledgerOf([...sessions, more], by));
    },
    since: true,
  },
]);

const pages = failing("pages", [
  {
    name: "session-page-lies",
    title: "a session's page says another name",
    breaks: file(`${HERE}/README.md`, (text) => text.replace("alice", "mallory")),
  },
  {
    name: "month-page-lies",
    title: "a month's page says something else",
    breaks: file("sessions/2026/11/README.md", (text) => `${text}\nAll is well.\n`),
  },
  {
    name: "index-lies",
    title: "a month's table says another name",
    breaks: file("sessions/2026/11/index.csv", (text) => text.replace("alice", "bob")),
  },
  {
    name: "front-page-missing",
    title: "the front page is gone",
    breaks: file("README.md", () => undefined),
  },
]);

const files = failing("files", [
  {
    name: "file-unknown",
    title: "a file lies in a session's folder that nothing speaks of",
    breaks: (folder) => writeFileSync(join(folder, HERE, "notes.txt"), "hello"),
  },
  {
    name: "file-of-colliding-case",
    title: "a file has the name of another in other case",
    cases: ["E-25"],
    breaks: (folder) => copy(folder, `${HERE}/events.jsonl`, `${HERE}/EVENTS.jsonl`),
  },
  {
    name: "folder-of-another-day",
    title: "a session lies in the folder of another day",
    breaks: (folder) => {
      const found = readFiles(folder);
      writeFiles(
        folder,
        new Map([...found].map(([path, bytes]) => [path.replace(`23/${SECOND}`, `24/${SECOND}`), bytes])),
      );
    },
  },
  {
    name: "folder-that-is-no-day",
    title: "a folder among the days holds something that looks like a session",
    breaks: (folder) => copy(folder, HERE, `sessions/2026/11/latest/${FIRST}`),
  },
  {
    name: "file-among-sessions",
    title: "a file lies among the sessions of a day",
    breaks: (folder) => writeFileSync(join(folder, HERE, "../notes.txt"), "hello"),
  },
  {
    name: "file-with-the-name-of-a-folder",
    title: "a file has the name of the folder of erasures",
    breaks: (folder) => writeFileSync(join(folder, HERE, "erasures"), "hello"),
  },
  {
    name: "file-among-approvals",
    title: "something else lies among the signed answers",
    breaks: (folder) => writeFileSync(join(folder, HERE, "approvals/notes.txt"), "hello"),
  },
  {
    name: "link",
    title: "a link to a file outside lies in a session's folder",
    cases: ["E-25"],
    breaks: (folder) => symlinkSync("/etc/hostname", join(folder, HERE, "link")),
  },
  {
    name: "link-for-a-page",
    title: "a session's page is a link to a file outside",
    cases: ["E-25"],
    breaks: (folder) => {
      rmSync(join(folder, HERE, "README.md"));
      symlinkSync("/etc/hostname", join(folder, HERE, "README.md"));
    },
    also: ["pages"],
  },
  {
    name: "page-of-10-gigabytes",
    title: "a session's page is a file of 10 GB, all holes",
    cases: ["E-25"],
    breaks: (folder) => truncateSync(join(folder, HERE, "README.md"), 10 * 1024 ** 3),
    also: ["pages"],
  },
  {
    name: "link-to-folder",
    title: "a link to a folder outside lies among the days",
    cases: ["E-25"],
    breaks: (folder) => symlinkSync("../../..", join(folder, "sessions/2026/11/30")),
  },
  {
    name: "pipe",
    title: "a pipe lies in a session's folder, on which a reader would wait for ever",
    cases: ["E-25"],
    breaks: (folder) => void execFileSync("mkfifo", [join(folder, HERE, "pipe")]),
  },
  {
    name: "file-of-10-gigabytes",
    title: "a file of 10 GB, all holes, lies in a session's folder",
    cases: ["E-25"],
    breaks: (folder) => {
      writeFileSync(join(folder, HERE, "blob"), "");
      truncateSync(join(folder, HERE, "blob"), 10 * 1024 ** 3);
    },
  },
  {
    name: "file-named-to-leave",
    title: "a file's name has backslashes and dots, as if it led out of the folder",
    cases: ["E-25"],
    breaks: (folder) => {
      mkdirSync(join(folder, HERE, "..\\..\\etc"));
      writeFileSync(join(folder, HERE, "..\\..\\etc", "passwd"), "x");
    },
  },
]);

const good = failing("", [
  {
    name: "keys-rotated",
    title: "the countersigner's key was changed between two sessions; trust/policy names both",
    cases: ["E-12"],
    verdict: "good",
    breaks: async (folder) => {
      const before = party(keyOf("the key of last year"));
      const by = countersigner();
      const [first, second] = baseSessions(before);
      const [, , ...rest] = baseSessions(by);
      const old = await ledgerOf(
        [first, second].flatMap((each) => each ?? []),
        before,
      );
      writeFiles(folder, await ledgerOf(rest, by, old));
    },
  },
  {
    name: "unknown-signature-besides",
    title: "somebody unknown signed the statement as well",
    cases: ["E-16"],
    verdict: "good",
    breaks: envelope((parts) => {
      const { privateKey } = generateKeyPairSync("ed25519");
      const payload = Buffer.from(parts.payload, "base64").toString();
      const { sig } = signDsse(payload, dsseSigner(privateKey));
      return { ...parts, signatures: [...parts.signatures, { keyid: keyidOf(rawPublicKey(privateKey)), sig }] };
    }),
  },
  {
    name: "unknown-cosignature-besides",
    title: "somebody unknown signed the checkpoint as well",
    cases: ["E-16"],
    verdict: "good",
    breaks: (folder) => {
      const stranger = noteSigner("witness.example/w", keyOf("a stranger"));
      edit(folder, "log/checkpoint", (text) => `${text}${stranger.sign(`${text.split("\n\n")[0]}\n`)}`);
      renderAgain(folder);
    },
  },
  {
    name: "line-separator-in-a-value",
    title: "a recorded message holds U+2028, U+2029, U+0085 and NUL, which end no line",
    verdict: "good",
    breaks: made(saying("connection.closed", { why: "a\u2028b\u2029c\u0085d\u0000e" })),
  },
  {
    name: "file-beside-the-evidence",
    title: "a licence lies beside the evidence: a warning, and no failure",
    verdict: "good",
    breaks: (folder) => writeFileSync(join(folder, "LICENSE"), "Do as you like."),
  },
  {
    name: "head-left-out",
    title: "a head in the middle is not there: later ones cover the same",
    verdict: "good",
    breaks: file(`${HERE}/checkpoints.txt`, (text) => text.split("\n---\n").toSpliced(1, 1).join("\n---\n")),
  },
  {
    name: "grown-since",
    title: "the log has a session more than the checkpoint that was kept",
    verdict: "good",
    since: true,
    breaks: async (folder) => {
      const by = countersigner();
      const more = makeSession(by, { sid: "01KANAV0Q8M3T4ZS5R6X7Y8Z8F" });
      writeFiles(folder, await ledgerOf([more], by, readFiles(folder)));
    },
  },
  {
    name: "erased",
    title: "a value was erased as it should be",
    verdict: "good",
    breaks: async (folder) => await erase(folder, FIRST),
  },
  {
    name: "plan-approved",
    title: "both statements of a plan ran by its one answer",
    verdict: "good",
    breaks: made({ plan: {} }),
  },
  {
    name: "plan-left",
    title: "a plan was approved and only its first statement came",
    verdict: "good",
    breaks: made({ plan: { comes: [0] } }),
  },
  {
    name: "credential-released",
    title: "the App released a credential to the session",
    verdict: "good",
    breaks: made({ issued: [{ target: "appdb" }] }),
  },
  {
    name: "held-approved-and-refused-all-the-same",
    title: "a command was approved, and refused all the same",
    verdict: "good",
    breaks: made({ heldRuling: "refuse" }),
  },
]);

/** Every way that is known here, by name. */
export const BROKEN: readonly Breakage[] = [
  ...events,
  ...order,
  ...ended,
  ...keys,
  ...heads,
  ...times,
  ...statement,
  ...approvals,
  ...disclosures,
  ...erasures,
  ...entry,
  ...repository,
  ...policy,
  ...log,
  ...since,
  ...pages,
  ...files,
  ...BROKEN_CUSTODY,
  ...good,
];
