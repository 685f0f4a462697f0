// Rows of broken.ts about what the App enters: sessions that were lost, and heartbeats.

import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dsseSigner } from "../../src/evidence/dsse.ts";
import { digestOfFile, encodeLostEntry } from "../../src/evidence/entry.ts";
import { sealSession } from "../../src/evidence/layout.ts";
import { readLost } from "../../src/evidence/lost.ts";
import { cosigner } from "../../src/tlog/note.ts";
import type { Breakage } from "./breakage.ts";
import {
  answerOf,
  closeAnyhow,
  editedPayload,
  entering,
  heartbeat,
  heartbeatEntry,
  LOST,
  LOST_FOLDER,
  type Losing,
  lostOf,
  OTHER,
  putHeartbeat,
  saying,
  seen,
  wholeSession,
} from "./custody.ts";
import {
  addEntry,
  copy,
  countersigner,
  edit,
  folderOf,
  gatewayKey,
  readFiles,
  renderAgain,
  SIDS,
  writeFiles,
} from "./forge.ts";
import { memoryLedger } from "./memory-ledger.ts";
import { keyOf, party, type Twist } from "./sealed.ts";

type Row = Pick<Breakage, "name" | "title" | "breaks"> & Partial<Omit<Breakage, "name" | "title" | "breaks">>;

const [FIRST, SECOND, THIRD] = SIDS;
const stranger = party(keyOf("a stranger"));

/** A session that was lost misses its events and its end, whatever else is wrong with it. */
const MISSING = ["ended", "events"] as const;

const rows = (check: string, verdict: Breakage["verdict"], also: readonly string[], all: readonly Row[]): Breakage[] =>
  all.map((row) => ({ cases: [], verdict, check, since: false, ...row, also: [...also, ...(row.also ?? [])] }));

/** Closes the session as lost, as the App does it. */
const closing =
  (losing: Losing = {}) =>
  async (folder: string): Promise<void> =>
    void (await entering(folder, { lost: [lostOf(wholeSession(), losing)] }));

/** The same, however wrong it is. */
const closingAnyhow =
  (losing: Losing = {}) =>
  async (folder: string): Promise<void> =>
    await closeAnyhow(folder, lostOf(wholeSession(), losing));

/** Closes it, and takes its files in later. */
const found =
  (losing: Losing = {}, twist: Twist = {}) =>
  async (folder: string): Promise<void> => {
    const session = wholeSession(twist);
    await entering(folder, { lost: [lostOf(session, losing)] });
    await entering(folder, { sessions: [session] });
  };

/** The same, with a statement of which the writer would not take the session. */
const foundAnyhow =
  (losing: Losing, twist: Twist = {}) =>
  async (folder: string): Promise<void> => {
    const session = wholeSession(twist);
    const { dsse } = lostOf(session, losing);
    const said = readLost(dsse);
    if (said === undefined) throw new Error("the statement cannot be read");
    await addEntry(folder, encodeLostEntry({ ...said, dsse: digestOfFile(dsse) }));
    const files = readFiles(folder);
    await sealSession(session, memoryLedger(files), countersigner().signer);
    writeFiles(folder, files);
    writeFileSync(join(folder, LOST_FOLDER, "lost.dsse.json"), dsse);
    renderAgain(folder);
  };

/** Closes it, and then changes a file and makes the pages again. */
const closedThen =
  (change: (folder: string) => void) =>
  async (folder: string): Promise<void> => {
    await closing()(folder);
    change(folder);
    renderAgain(folder);
  };

const lost: Breakage[] = [
  ...rows(
    "events",
    "incomplete",
    ["ended"],
    [
      {
        name: "lost",
        title: "a session was lost, and closed as it should be",
        cases: ["E-36", "E-38"],
        breaks: closing(),
      },
      {
        name: "lost-without-a-head",
        title: "a session was lost before a head of it was countersigned",
        cases: ["E-36"],
        breaks: closing({ heads: 0 }),
      },
      {
        name: "lost-with-an-answer",
        title: "a session was lost after people had answered, and the answer is kept",
        breaks: closing({ answers: [answerOf(), answerOf({ request: "EXPIRED1", answer: "expired", by: [] })] }),
      },
    ],
  ),
  ...rows(
    "",
    "good",
    [],
    [
      { name: "lost-and-found", title: "a session was lost, and its files came later", breaks: found() },
      {
        name: "lost-without-a-head-and-found",
        title: "a session was lost before its first head, and its files came later",
        breaks: found({ heads: 0 }),
      },
      {
        name: "lost-and-found-on-another-day",
        title: "a session was lost and found, and its first event is of the day after its id",
        breaks: found(
          { says: (each) => ({ ...each, closedAt: "2026-11-25T01:00:00.000Z" }) },
          { startedAt: "2026-11-25T00:00:01.000Z" },
        ),
      },
      {
        name: "lost-and-found-with-an-answer",
        title: "a session was lost and found, and its gateway had died before it wrote an answer down",
        breaks: found({ answers: [answerOf({ request: "NEVERCAME1", answer: "refused" })] }),
      },
    ],
  ),
  ...rows("lost", "failed", MISSING, [
    {
      name: "lost-by-a-stranger",
      title: "a session is closed as lost by somebody else than the countersigner",
      breaks: closing({ by: stranger.dsse }),
    },
    {
      name: "lost-by-the-gateway",
      title: "a session is closed as lost by its own gateway",
      breaks: closing({ by: dsseSigner(gatewayKey(LOST)) }),
    },
    {
      name: "lost-of-no-events-with-a-root",
      title: "a session without a head is closed with a root that is not the empty tree's, all signed",
      breaks: closingAnyhow({ heads: 0, says: (each) => ({ ...each, root: Buffer.alloc(32, 1) }) }),
    },
    {
      name: "lost-with-a-head-of-no-time",
      title: "a session is closed with a head that was countersigned at no time, all signed",
      breaks: closingAnyhow({ says: (each) => ({ ...each, lastHeadAt: "" }) }),
      also: ["times"],
    },
    {
      name: "lost-edited",
      title: "the reason in a signed statement of loss is changed",
      breaks: closedThen((folder) =>
        edit(folder, `${LOST_FOLDER}/lost.dsse.json`, (text) =>
          editedPayload(text, (payload) => payload.replace("silent", "job ended")),
        ),
      ),
      also: ["entry"],
    },
    {
      name: "lost-with-a-field-more",
      title: "a statement of loss has a field that this version does not know, all signed",
      breaks: closingAnyhow({ states: saying({ more: 1 }) }),
      also: ["entry", "heads", "keys", "pages", "population"],
    },
    {
      name: "lost-for-a-reason-unknown",
      title: "a session is closed for a reason that this version does not know, all signed",
      breaks: closingAnyhow({ states: saying({ reason: "bored" }) }),
      also: ["entry", "heads", "keys", "pages", "population"],
    },
    {
      name: "lost-in-no-entry",
      title: "a session is closed as lost, and the log does not know of it",
      breaks: async (folder) => {
        const files = readFiles(folder);
        await closing()(folder);
        for (const [path, bytes] of readFiles(folder)) if (!path.startsWith("log/")) files.set(path, bytes);
        writeFiles(folder, files);
        renderAgain(folder);
      },
      also: ["entry", "population"],
    },
  ]),
  ...rows("heads", "failed", MISSING, [
    {
      name: "lost-with-another-root",
      title: "a session is closed with a root that was not countersigned, all signed",
      breaks: closingAnyhow({ says: (each) => ({ ...each, root: Buffer.alloc(32, 1) }) }),
    },
    {
      name: "lost-with-another-size",
      title: "a session is closed with fewer events than were countersigned, all signed",
      breaks: closingAnyhow({ says: (each) => ({ ...each, size: each.size - 1 }) }),
    },
    {
      name: "lost-with-the-head-of-another",
      title: "the last head of another session stands in the place of the lost one's",
      breaks: closedThen((folder) =>
        copy(folder, `${folderOf(FIRST)}/checkpoints.txt`, `${LOST_FOLDER}/checkpoints.txt`),
      ),
    },
    {
      name: "lost-with-its-head-taken-away",
      title: "the last head of a lost session is taken away",
      breaks: closedThen((folder) => rmSync(join(folder, LOST_FOLDER, "checkpoints.txt"))),
    },
    {
      name: "lost-with-a-head-that-it-denies",
      title: "a session is closed as if it had no head, and there is one",
      breaks: async (folder) => {
        await closing({ heads: 0 })(folder);
        copy(folder, `${folderOf(FIRST)}/checkpoints.txt`, `${LOST_FOLDER}/checkpoints.txt`);
        renderAgain(folder);
      },
    },
  ]),
  ...rows("keys", "failed", MISSING, [
    {
      name: "lost-to-a-stranger",
      title: "a session is closed by a stranger, who says that he was the countersigner",
      breaks: closing({
        by: stranger.dsse,
        says: (each) => ({ ...each, countersigner: stranger.app.verifier.vkey }),
      }),
      also: ["heads"],
    },
    {
      name: "lost-without-a-countersigner",
      title: "a session is closed as if it had no countersigner",
      breaks: closing({ says: (each) => ({ ...each, countersigner: "none" }) }),
      also: ["heads", "lost"],
    },
    {
      name: "lost-under-no-key",
      title: "a session is closed under a gateway's key that is none",
      breaks: closing({ says: (each) => ({ ...each, gateway: { vkey: "x+y+z" } }) }),
      also: ["heads", "lost"],
    },
  ]),
  ...rows("times", "failed", MISSING, [
    {
      name: "lost-before-it-was-registered",
      title: "a session was closed before it was registered",
      breaks: closing({ says: (each) => ({ ...each, closedAt: "2026-11-24T04:50:00.000Z" }) }),
    },
    {
      name: "lost-with-another-time-of-its-head",
      title: "the last head was countersigned at another time than the statement says",
      breaks: closing({ says: (each) => ({ ...each, lastHeadAt: "2026-11-24T05:00:09.000Z" }) }),
    },
  ]),
  ...rows("repository", "failed", MISSING, [
    {
      name: "lost-of-another-repository",
      title: "a lost session was of another repository than the log",
      breaks: closing({
        says: (each) => ({ ...each, identity: { ...each.identity, repository: "acme/other" } }),
      }),
    },
  ]),
  ...rows("policy", "failed", MISSING, [
    {
      name: "lost-under-no-policy",
      title: "a lost session names its policy by no digest",
      breaks: closing({ says: (each) => ({ ...each, policy: { digest: "sha256:none" } }) }),
    },
  ]),
  ...rows("entry", "failed", MISSING, [
    {
      name: "lost-with-the-proof-of-another",
      title: "the proof of another session stands in the place of the lost one's",
      breaks: closedThen((folder) =>
        copy(folder, `${folderOf(FIRST)}/session.tlog-proof`, `${LOST_FOLDER}/session.tlog-proof`),
      ),
    },
  ]),
  ...rows("approvals", "failed", MISSING, [
    {
      name: "lost-with-the-answer-of-a-stranger",
      title: "a lost session has an answer that somebody else than the countersigner signed",
      breaks: closing({ answers: [answerOf({}, stranger.dsse)] }),
    },
    {
      name: "lost-with-the-answer-for-another-session",
      title: "a lost session has an answer for another session",
      breaks: closing({ answers: [answerOf({ sid: FIRST })] }),
    },
    {
      name: "lost-with-an-answer-for-another-target",
      title: "a lost session has an answer for a target that it did not register",
      breaks: closing({ answers: [answerOf({ target: "billing" })] }),
    },
    {
      name: "lost-with-an-answer-under-another-policy",
      title: "a lost session has an answer under another policy",
      breaks: closing({ answers: [answerOf({ policy: `sha256:${"c".repeat(64)}` })] }),
    },
    {
      name: "lost-with-an-answer-under-another-name",
      title: "an answer in a lost session has the name of another request",
      breaks: closing({ answers: [{ ...answerOf(), request: "OTHER" }] }),
    },
    {
      name: "lost-with-the-answer-of-its-own-actor",
      title: "a command of a lost session was approved by the one who ran the job",
      breaks: closing({ answers: [answerOf({ by: [{ login: "Alice", via: "review" }] })] }),
    },
  ]),
  ...rows("files", "failed", MISSING, [
    {
      name: "lost-in-another-place",
      title: "a lost session lies in the folder of another day",
      breaks: async (folder) => await closeAnyhow(folder, lostOf(wholeSession()), LOST_FOLDER.replace("/24/", "/25/")),
    },
    {
      name: "lost-with-values",
      title: "disclosed values lie beside a session of which no event is here",
      breaks: closedThen((folder) =>
        copy(folder, `${folderOf(FIRST)}/disclosures.jsonl`, `${LOST_FOLDER}/disclosures.jsonl`),
      ),
    },
  ]),
  ...rows("pages", "failed", MISSING, [
    {
      name: "lost-and-called-harmless",
      title: "the page of a lost session says something that its statement does not",
      breaks: async (folder) => {
        await closing()(folder);
        edit(folder, `${LOST_FOLDER}/README.md`, (text) => text.replace("fell silent", "was done"));
      },
    },
  ]),
  ...rows(
    "population",
    "failed",
    [],
    [
      {
        name: "lost-and-taken-away",
        title: "a lost session is taken away, with every trace of it in the pages",
        breaks: async (folder) => {
          await closing()(folder);
          rmSync(join(folder, "sessions/2026/11/24"), { recursive: true });
          edit(folder, "sessions/2026/11/index.csv", (text) => text.replace(new RegExp(`^${LOST}.*\n`, "m"), ""));
          renderAgain(folder);
        },
      },
      {
        name: "lost-twice",
        title: "a session is closed as lost twice",
        breaks: async (folder) => {
          await closing()(folder);
          const dsse = readFileSync(join(folder, LOST_FOLDER, "lost.dsse.json"));
          const said = readLost(dsse.toString());
          if (said !== undefined) await addEntry(folder, encodeLostEntry({ ...said, dsse: digestOfFile(dsse) }));
        },
        also: MISSING,
      },
      {
        name: "lost-after-it-landed",
        title: "a session is closed as lost after its files were entered",
        breaks: async (folder) => {
          const session = wholeSession();
          await entering(folder, { sessions: [session] });
          await closeAnyhow(folder, lostOf(session));
        },
      },
      {
        name: "found-with-its-loss-taken-away",
        title: "a session was lost and found, and the statement of that is taken away",
        breaks: async (folder) => {
          await found()(folder);
          rmSync(join(folder, LOST_FOLDER, "lost.dsse.json"));
          renderAgain(folder);
        },
      },
      {
        name: "found-and-called-lost",
        title: "the files of a session that was lost and found are taken away, as if they had never come",
        breaks: async (folder) => {
          const session = wholeSession();
          await entering(folder, { lost: [lostOf(session)] });
          const before = readFiles(folder);
          await entering(folder, { sessions: [session] });
          for (const name of readdirSync(join(folder, LOST_FOLDER)))
            rmSync(join(folder, LOST_FOLDER, name), { recursive: true });
          const files = readFiles(folder);
          for (const [path, bytes] of before) if (path.startsWith("sessions/")) files.set(path, bytes);
          writeFiles(folder, files);
          renderAgain(folder);
        },
        also: MISSING,
      },
    ],
  ),
  ...rows(
    "lost",
    "failed",
    [],
    [
      {
        name: "lost-and-found-with-other-events",
        title: "the events that came later do not begin with those that were countersigned, all signed",
        breaks: foundAnyhow({ says: (each) => ({ ...each, root: Buffer.alloc(32, 1) }) }),
      },
      {
        name: "lost-and-found-with-fewer-events",
        title: "fewer events came later than were countersigned, all signed",
        breaks: foundAnyhow({ says: (each) => ({ ...each, size: 999 }) }),
      },
      {
        name: "lost-and-found-without-a-root",
        title: "a session without a head is closed with a root of its own, and its files came later, all signed",
        breaks: foundAnyhow({ heads: 0, says: (each) => ({ ...each, root: Buffer.alloc(32, 1) }) }),
      },
      {
        name: "lost-and-found-by-a-stranger",
        title: "a session was closed as lost by somebody else, and its files came later",
        breaks: found({ by: stranger.dsse }),
      },
      {
        name: "lost-and-found-under-another-key",
        title: "a session was closed under another gateway's key than it was begun with",
        breaks: found({ says: (each) => ({ ...each, gateway: { vkey: stranger.log.verifier.vkey } }) }),
      },
      {
        name: "lost-and-found-under-another-policy",
        title: "a session was closed under another policy than it was begun with",
        breaks: found({ says: (each) => ({ ...each, policy: { digest: `sha256:${"c".repeat(64)}` } }) }),
      },
      {
        name: "lost-and-found-in-another-attempt",
        title: "a session was closed in another attempt than it was begun in",
        breaks: found({ says: (each) => ({ ...each, identity: { ...each.identity, attempt: "2" } }) }),
      },
      {
        name: "lost-and-found-in-another-repository",
        title: "a session was closed for another repository than it was begun in",
        breaks: found({ says: (each) => ({ ...each, identity: { ...each.identity, repository: "acme/other" } }) }),
      },
      {
        name: "lost-and-found-under-another-name",
        title: "a session was closed by its countersigner under another name than it was begun with",
        breaks: found({
          says: (each) => ({ ...each, countersigner: cosigner("other.example/w", countersigner().key).verifier.vkey }),
        }),
      },
      {
        name: "lost-and-found-as-another",
        title: "the statement that closed another session lies beside the events of this one",
        breaks: foundAnyhow({ says: (each) => ({ ...each, sid: OTHER }) }),
        also: ["population"],
      },
      {
        name: "lost-and-found-in-another-run",
        title: "a session was closed in another run than it was begun in",
        breaks: found({ says: (each) => ({ ...each, identity: { ...each.identity, run: "124" } }) }),
      },
      {
        name: "lost-and-found-with-another-target",
        title: "a session was registered with another target than it was begun with",
        breaks: found({ says: (each) => ({ ...each, targets: ["appdb", "billing"] }) }),
      },
      {
        name: "lost-and-found-unreadable",
        title: "the statement that closed a session is no such statement, and its files came later",
        breaks: async (folder) => {
          await found()(folder);
          writeFileSync(join(folder, LOST_FOLDER, "lost.dsse.json"), "{}\n");
          renderAgain(folder);
        },
      },
    ],
  ),
  ...rows(
    "approvals",
    "failed",
    [],
    [
      {
        name: "lost-and-found-with-the-answer-of-a-stranger",
        title: "a session was lost and found, and has an answer in no event that somebody else signed",
        breaks: found({ answers: [answerOf({ request: "NEVERCAME1" }, stranger.dsse)] }),
      },
    ],
  ),
];

const DAYS = ["2026-11-23", "2026-11-24", "2026-11-25"] as const;

/** Enters heartbeats of these days; the first tells of sessions. */
const beating =
  (
    days: readonly string[],
    sessions: Parameters<typeof heartbeat>[1] = [],
    how: Parameters<typeof heartbeat>[2] = {},
  ) =>
  async (folder: string): Promise<void> =>
    void (await entering(folder, {
      heartbeats: days.map((day, at) => heartbeat(day, at === 0 ? sessions : [], at === 0 ? how : {})),
    }));

const heartbeats: Breakage[] = [
  ...rows(
    "",
    "good",
    [],
    [
      {
        name: "heartbeats-of-an-open-session",
        title: "a session was open on two days",
        breaks: async (folder) =>
          void (await entering(folder, {
            heartbeats: [DAYS[0], DAYS[1]].map((day) => heartbeat(day, [seen(LOST, "open")])),
          })),
      },
      {
        name: "heartbeats",
        title: "there is a heartbeat for each of three days",
        breaks: beating(DAYS, [seen(FIRST, "landed"), seen(SECOND, "landed"), seen(THIRD, "open")]),
      },
    ],
  ),
  ...rows(
    "events",
    "incomplete",
    ["ended"],
    [
      {
        name: "heartbeat-of-a-session-that-was-lost-later",
        title: "a session was open on a day, and the log says before the next that it was lost",
        breaks: async (folder) => {
          await entering(folder, { heartbeats: [heartbeat(DAYS[0], [seen(LOST, "open")])] });
          await entering(folder, { lost: [lostOf(wholeSession())], heartbeats: [heartbeat(DAYS[1])] });
        },
      },
      {
        name: "heartbeat-of-a-lost-session",
        title: "a heartbeat says of a session that it was lost, in the step that closes it",
        breaks: async (folder) =>
          void (await entering(folder, {
            heartbeats: [heartbeat(DAYS[1], [seen(LOST, "lost")])],
            lost: [lostOf(wholeSession())],
          })),
      },
    ],
  ),
  ...rows(
    "heartbeats",
    "incomplete",
    [],
    [
      {
        name: "heartbeat-missing",
        title: "there is no heartbeat of a day between two that have one",
        breaks: beating([DAYS[0], DAYS[2], "2026-12-01"]),
      },
      {
        name: "heartbeat-of-a-session-that-vanished",
        title: "a session was open on a day, and nothing says what became of it",
        breaks: beating(DAYS, [seen(LOST, "open")]),
      },
    ],
  ),
  ...rows(
    "heartbeats",
    "failed",
    [],
    [
      {
        name: "heartbeat-by-a-stranger",
        title: "a heartbeat is signed by somebody else than the countersigner",
        breaks: beating(DAYS, [], { by: stranger.dsse }),
      },
      {
        name: "heartbeat-edited",
        title: "a signed heartbeat is changed",
        breaks: async (folder) => {
          await beating(DAYS, [seen(FIRST, "landed")])(folder);
          edit(folder, "heartbeats/2026/11/23.dsse.json", (text) =>
            editedPayload(text, (payload) => payload.replace("landed", "open")),
          );
        },
      },
      {
        name: "heartbeat-signed-again",
        title: "a heartbeat is another than the log holds, signed by the countersigner",
        breaks: async (folder) => {
          await beating(DAYS, [seen(FIRST, "landed")])(folder);
          putHeartbeat(folder, DAYS[0], heartbeat(DAYS[0]));
        },
      },
      {
        name: "heartbeat-taken-away",
        title: "a heartbeat that the log holds is taken away",
        breaks: async (folder) => {
          await beating(DAYS)(folder);
          rmSync(join(folder, "heartbeats/2026/11/24.dsse.json"));
        },
      },
      {
        name: "heartbeats-all-taken-away",
        title: "all heartbeats are taken away, as if there had never been one",
        breaks: async (folder) => {
          await beating(DAYS)(folder);
          rmSync(join(folder, "heartbeats"), { recursive: true });
          renderAgain(folder);
        },
      },
      {
        name: "heartbeat-in-no-entry",
        title: "there is a heartbeat that the log does not hold",
        breaks: (folder) => {
          putHeartbeat(folder, DAYS[0], heartbeat(DAYS[0]));
          renderAgain(folder);
        },
      },
      {
        name: "heartbeat-twice",
        title: "the log holds two heartbeats of one day",
        breaks: async (folder) => {
          await beating(DAYS)(folder);
          await addEntry(folder, heartbeatEntry(DAYS[1], heartbeat(DAYS[1], [seen(FIRST, "landed")])));
        },
      },
      {
        name: "heartbeat-entered-twice",
        title: "the log holds one heartbeat twice",
        breaks: async (folder) => {
          await beating(DAYS)(folder);
          await addEntry(folder, heartbeatEntry(DAYS[1], heartbeat(DAYS[1])));
        },
      },
      {
        name: "heartbeat-of-another-day",
        title: "the heartbeat of one day stands in the place of another's, in the log as well",
        breaks: async (folder) => {
          const dsse = heartbeat(DAYS[0]);
          putHeartbeat(folder, DAYS[1], dsse);
          await addEntry(folder, heartbeatEntry(DAYS[1], dsse));
        },
      },
      {
        name: "heartbeat-of-another-repository",
        title: "a heartbeat is of another repository than the log",
        breaks: beating(DAYS, [], { repository: "acme/other" }),
      },
      {
        name: "heartbeat-says-landed",
        title: "a heartbeat says that a session landed, and the log does not hold it",
        breaks: beating(DAYS, [seen(LOST, "landed")]),
      },
      {
        name: "heartbeat-says-lost",
        title: "a heartbeat says that a session was lost, and the log says that it landed",
        breaks: beating(DAYS, [seen(FIRST, "lost")]),
      },
      {
        name: "heartbeat-with-a-session-twice",
        title: "a heartbeat lists a session twice",
        breaks: beating(DAYS, [seen(FIRST, "landed"), seen(FIRST, "landed")]),
      },
      {
        name: "heartbeat-of-another-list",
        title: "the subject of a heartbeat is not its list, signed",
        breaks: beating(DAYS, [seen(FIRST, "landed")], { says: saying({ sessions: [] }) }),
      },
      {
        name: "heartbeat-with-more-and-no-digest",
        title: "a heartbeat leaves out sessions and does not say which, signed",
        breaks: beating(DAYS, [], { says: saying({ more: { count: 1, digest: "" } }) }),
      },
      {
        name: "heartbeat-with-a-digest-of-nothing",
        title: "a heartbeat leaves out nothing and has a digest of it, signed",
        breaks: beating(DAYS, [], { says: saying({ more: { count: 0, digest: `sha256:${"0".repeat(64)}` } }) }),
      },
      {
        name: "heartbeat-with-a-field-more",
        title: "a heartbeat has a field that this version does not know, signed",
        breaks: async (folder) => {
          const dsse = heartbeat(DAYS[0], [], { says: saying({ mood: "good" }) });
          putHeartbeat(folder, DAYS[0], dsse);
          await addEntry(folder, heartbeatEntry(DAYS[0], dsse));
        },
      },
    ],
  ),
  ...rows(
    "files",
    "failed",
    [],
    [
      {
        name: "file-beside-heartbeats",
        title: "a file lies beside the years of heartbeats",
        breaks: async (folder) => {
          await beating(DAYS)(folder);
          writeFileSync(join(folder, "heartbeats/README.md"), "all well");
        },
      },
      {
        name: "file-among-heartbeats",
        title: "a file that is no heartbeat lies among them",
        breaks: async (folder) => {
          await beating(DAYS)(folder);
          writeFileSync(join(folder, "heartbeats/2026/11/24.txt"), "all well");
        },
      },
      {
        name: "heartbeat-in-another-spelling",
        title: "a heartbeat lies beside the months",
        breaks: async (folder) => {
          await beating(DAYS)(folder);
          renameSync(join(folder, "heartbeats/2026/11/25.dsse.json"), join(folder, "heartbeats/2026/25.dsse.json"));
          renderAgain(folder);
        },
        also: ["heartbeats"],
      },
    ],
  ),
  ...rows(
    "pages",
    "failed",
    [],
    [
      {
        name: "front-page-of-another-heartbeat",
        title: "the front page names another day than that of the newest heartbeat",
        breaks: async (folder) => {
          await beating(DAYS)(folder);
          edit(folder, "README.md", (text) => text.replaceAll("2026-11-25", "2026-11-26"));
        },
      },
    ],
  ),
];

/** All of them. */
export const BROKEN_CUSTODY: readonly Breakage[] = [...lost, ...heartbeats];
